// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// proxied is a server behind a reverse proxy, each with a middleware, and with a transport
// between them. Each of the three has a registry of its own.
type proxied struct {
	proxy                     *httptest.Server
	backend, front, transport *ember.Registry
}

func newProxied(t *testing.T, backend http.Handler) proxied {
	p := proxied{backend: ember.NewRegistry(), front: ember.NewRegistry(), transport: ember.NewRegistry()}
	server := httptest.NewServer(emberhttp.Middleware(p.backend, emberhttp.Options{})(backend))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	require.NoError(t, err)
	next := &http.Transport{}
	t.Cleanup(next.CloseIdleConnections)
	p.proxy = httptest.NewServer(emberhttp.Middleware(p.front, emberhttp.Options{})(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     emberhttp.Transport(p.transport, emberhttp.TransportOptions{Host: func(*http.Request) string { return "backend" }}, next),
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
	}))
	t.Cleanup(p.proxy.Close)
	return p
}

// requireRecorded waits until all three have what is wanted, and nothing is in flight.
func (p proxied) requireRecorded(t *testing.T, backend, front string, transport ...string) {
	t.Helper()
	var got [3][]string
	want := [3][]string{
		{`{method="GET",path="/things/{id}",status="` + backend + `"} 1`},
		{`{method="GET",path="unmatched",status="` + front + `"} 1`},
		append([]string{"requests_in_flight 0"}, transport...),
	}
	if !eventually(func() bool {
		got = [3][]string{totals(t, p.backend), totals(t, p.front), clientSamples(t, p.transport)}
		return slices.EqualFunc(got[:], want[:], slices.Equal)
	}) {
		require.Equal(t, want, got)
	}
	require.Contains(t, samples(t, p.backend), "http_requests_in_flight 0")
	require.Contains(t, samples(t, p.front), "http_requests_in_flight 0")
}

func eventually(ok func() bool) bool {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}

func things(h http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", h)
	return mux
}

func TestReverseProxy(t *testing.T) {
	t.Run("upgrade", func(t *testing.T) {
		p := newProxied(t, things(upgrade))
		c, err := net.Dial("tcp", p.proxy.Listener.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		fmt.Fprint(c, "GET /things/1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
		r := bufio.NewReader(c)
		response, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
		require.Contains(t, samples(t, p.front), "http_requests_in_flight 1")
		require.Contains(t, samples(t, p.backend), "http_requests_in_flight 1")
		require.Contains(t, samples(t, p.transport), "http_client_requests_in_flight 1")
		fmt.Fprintln(c, "hello")
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "you said hello\n", line)
		_, err = r.ReadByte()
		require.Equal(t, io.EOF, err) // the backend's half; the proxy waits for the other
		c.Close()
		p.requireRecorded(t, "101", "101", `requests_total{method="GET",host="backend",status="101"} 1`)
		require.NotContains(t, exposed(t, p.front), "http_response_size_bytes_count")
	})
	t.Run("server-sent events", func(t *testing.T) {
		more := make(chan struct{})
		p := newProxied(t, things(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				fmt.Fprint(w, "data: x\n\n")
				http.NewResponseController(w).Flush()
				<-more
			}
		}))
		response, err := p.proxy.Client().Get(p.proxy.URL + "/things/1")
		require.NoError(t, err)
		defer response.Body.Close()
		r := bufio.NewReader(response.Body)
		for range 3 { // each of which is seen before the next
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "data: x\n", line)
			_, err = r.ReadString('\n')
			require.NoError(t, err)
			more <- struct{}{}
		}
		_, err = r.ReadByte()
		require.Equal(t, io.EOF, err)
		p.requireRecorded(t, "200", "200", `requests_total{method="GET",host="backend",status="200"} 1`)
		require.Contains(t, samples(t, p.front), `http_response_size_bytes_sum{method="GET",path="unmatched"} 27`)
	})
	t.Run("the server aborts", func(t *testing.T) {
		p := newProxied(t, things(behaviours["abort"].handler))
		response, err := p.proxy.Client().Get(p.proxy.URL + "/things/1")
		require.NoError(t, err)
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, chunk, string(b))
		p.requireRecorded(t, "500", "500", `requests_total{method="GET",host="backend",status="200"} 1`, `response_errors_total{method="GET",host="backend"} 1`)
	})
	t.Run("the client goes before the header", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := newProxied(t, things(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}))
		r, err := http.NewRequestWithContext(ctx, "GET", p.proxy.URL+"/things/1", nil)
		require.NoError(t, err)
		_, err = p.proxy.Client().Do(r)
		require.ErrorIs(t, err, context.Canceled)
		// The proxy answers 502, to nobody.
		p.requireRecorded(t, "499", "502", `requests_total{method="GET",host="backend",status="canceled"} 1`)
	})
	t.Run("the client goes after the header", func(t *testing.T) {
		p := newProxied(t, things(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, chunk)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		response, err := p.proxy.Client().Get(p.proxy.URL + "/things/1")
		require.NoError(t, err)
		_, err = io.ReadFull(response.Body, make([]byte, len(chunk)))
		require.NoError(t, err)
		response.Body.Close()
		p.requireRecorded(t, "200", "499", `requests_total{method="GET",host="backend",status="200"} 1`)
	})
	t.Run("early hints and trailers", func(t *testing.T) {
		p := newProxied(t, things(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, chunk)
			w.Header().Set("X-Sum", "7")
		}))
		response, err := p.proxy.Client().Get(p.proxy.URL + "/things/1")
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.Equal(t, http.Header{"X-Sum": {"7"}}, response.Trailer)
		p.requireRecorded(t, "200", "200", `requests_total{method="GET",host="backend",status="200"} 1`)
	})
}

// A WebSocket whose handler returns and leaves the connection to a goroutine, as many do.
func TestConnectionLeftToAGoroutine(t *testing.T) {
	reg := ember.NewRegistry()
	server := httptest.NewServer(emberhttp.Middleware(reg, emberhttp.Options{})(things(func(w http.ResponseWriter, _ *http.Request) {
		c, b, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		go func() {
			defer c.Close()
			b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
			b.Flush()
			io.Copy(c, b)
		}()
	})))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	fmt.Fprint(c, "GET /things/1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
	r := bufio.NewReader(c)
	response, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	fmt.Fprintln(c, "hello")
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
	require.True(t, eventually(func() bool { return len(totals(t, reg)) == 1 }))
	require.Equal(t, []string{`{method="GET",path="/things/{id}",status="101"} 1`}, totals(t, reg))
	require.Contains(t, samples(t, reg), "http_requests_in_flight 0")
}

// HTTP/2 without TLS is like that with it.
func TestUnencryptedHTTP2(t *testing.T) {
	reg := ember.NewRegistry()
	server := httptest.NewUnstartedServer(emberhttp.Middleware(reg, emberhttp.Options{})(things(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", abilities(w))
	})))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	next := &http.Transport{Protocols: new(http.Protocols)}
	next.Protocols.SetUnencryptedHTTP2(true)
	defer next.CloseIdleConnections()
	clients := ember.NewRegistry()
	client := &http.Client{Transport: emberhttp.Transport(clients, emberhttp.TransportOptions{Host: func(*http.Request) string { return "h" }}, next)}
	response, err := client.Get(server.URL + "/things/1")
	require.NoError(t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0 CloseNotify, Flush, FlushError, Push, WriteString", string(b))
	require.True(t, eventually(func() bool { return strings.Contains(exposed(t, reg), "http_requests_in_flight 0") }))
	require.Equal(t, []string{`{method="GET",path="/things/{id}",status="200"} 1`}, totals(t, reg))
	require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="GET",host="h",status="200"} 1`}, clientSamples(t, clients))
}

// Of OPTIONS *, a server asks no handler unless told to, and a mux has no route.
func TestAsterisk(t *testing.T) {
	for general, want := range map[bool][]string{true: nil, false: {`{method="OPTIONS",path="unmatched",status="400"} 1`}} {
		reg := ember.NewRegistry()
		server := httptest.NewUnstartedServer(emberhttp.Middleware(reg, emberhttp.Options{})(things(ok)))
		server.Config.DisableGeneralOptionsHandler = !general
		server.Start()
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		fmt.Fprint(c, "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		_, err = io.Copy(io.Discard, c)
		require.NoError(t, err)
		c.Close()
		server.Close()
		require.Equal(t, want, totals(t, reg))
	}
}
