// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// roundTripper is a function that is one.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// api is a server that does what the path says.
func api(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok/{id}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, chunk) })
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok/2", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "32")
		io.WriteString(w, chunk)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, chunk)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/upgrade", upgrade)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// instrumented returns a client with a registry, which is reset by making another one.
func instrumented(t *testing.T, server *httptest.Server) (*http.Client, *ember.Registry) {
	reg := ember.NewRegistry()
	next := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(next.CloseIdleConnections)
	return &http.Client{Transport: emberhttp.Transport(reg, emberhttp.TransportOptions{
		Host: func(r *http.Request) string {
			if server != nil && "http://"+r.URL.Host == server.URL {
				return "api"
			}
			return "elsewhere"
		},
	}, next)}, reg
}

// clientSamples are samples without those of durations.
func clientSamples(t *testing.T, reg *ember.Registry) (lines []string) {
	for _, line := range samples(t, reg) {
		if !strings.Contains(line, "duration_seconds") {
			lines = append(lines, strings.TrimPrefix(line, "http_client_"))
		}
	}
	return lines
}

func TestTransport(t *testing.T) {
	server := api(t)
	for name, tc := range map[string]struct {
		use  func(*testing.T, *http.Client)
		want []string
	}{
		"read to the end": {func(t *testing.T, c *http.Client) {
			for i := range 3 {
				response, err := c.Get(fmt.Sprintf("%s/ok/%d?secret=%d", server.URL, i, i))
				require.NoError(t, err)
				b, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, chunk, string(b))
			}
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="200"} 3`}},
		"closed unread": {func(t *testing.T, c *http.Client) {
			response, err := c.Post(server.URL+"/stream", "", nil)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			response.Body.Close()
		}, []string{"requests_in_flight 0", `requests_total{method="POST",host="api",status="200"} 1`}},
		"not closed": {func(t *testing.T, c *http.Client) {
			response, err := c.Get(server.URL + "/stream")
			require.NoError(t, err)
			t.Cleanup(func() { response.Body.Close() })
		}, []string{"requests_in_flight 1", `requests_total{method="GET",host="api",status="200"} 1`}},
		"without a body": {func(t *testing.T, c *http.Client) {
			response, err := c.Get(server.URL + "/empty")
			require.NoError(t, err)
			require.Equal(t, http.NoBody, response.Body)
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="204"} 1`}},
		"redirected": {func(t *testing.T, c *http.Client) {
			response, err := c.Head(server.URL + "/away")
			require.NoError(t, err)
			response.Body.Close()
		}, []string{"requests_in_flight 0", `requests_total{method="HEAD",host="api",status="200"} 1`, `requests_total{method="HEAD",host="api",status="302"} 1`}},
		"unknown method": {func(t *testing.T, c *http.Client) {
			r, err := http.NewRequest("X-1", server.URL+"/empty", nil)
			require.NoError(t, err)
			response, err := c.Do(r)
			require.NoError(t, err)
			response.Body.Close()
		}, []string{"requests_in_flight 0", `requests_total{method="other",host="api",status="204"} 1`}},
		"refused": {func(t *testing.T, c *http.Client) {
			_, err := c.Get("http://" + closedPort(t) + "/users/1")
			require.ErrorContains(t, err, "refused")
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="elsewhere",status="error"} 1`}},
		"aborted": {func(t *testing.T, c *http.Client) {
			_, err := c.Post(server.URL+"/abort", "", nil)
			require.ErrorIs(t, err, io.EOF)
		}, []string{"requests_in_flight 0", `requests_total{method="POST",host="api",status="error"} 1`}},
		"aborted in the body": {func(t *testing.T, c *http.Client) {
			response, err := c.Get(server.URL + "/half")
			require.NoError(t, err)
			_, err = io.ReadAll(response.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			response.Body.Close()
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="200"} 1`, `response_errors_total{method="GET",host="api"} 1`}},
		"canceled": {func(t *testing.T, c *http.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/hang", nil)
			require.NoError(t, err)
			_, err = c.Do(r)
			require.ErrorIs(t, err, context.Canceled)
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="canceled"} 1`}},
		"canceled in the body": {func(t *testing.T, c *http.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/stream", nil)
			require.NoError(t, err)
			response, err := c.Do(r)
			require.NoError(t, err)
			cancel()
			_, err = io.ReadAll(response.Body)
			require.ErrorIs(t, err, context.Canceled)
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="200"} 1`}},
		"deadline": {func(t *testing.T, c *http.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/hang", nil)
			require.NoError(t, err)
			_, err = c.Do(r)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="timeout"} 1`}},
		"the client's timeout": {func(t *testing.T, c *http.Client) {
			c.Timeout = 20 * time.Millisecond
			_, err := c.Get(server.URL + "/hang")
			require.True(t, os.IsTimeout(err))
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="timeout"} 1`}},
		"upgraded": {func(t *testing.T, c *http.Client) {
			r, err := http.NewRequest("GET", server.URL+"/upgrade", nil)
			require.NoError(t, err)
			r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"test"}}
			response, err := c.Do(r)
			require.NoError(t, err)
			rw := response.Body.(io.ReadWriteCloser)
			require.Implements(t, (*interface{ CloseWrite() error })(nil), rw)
			fmt.Fprintln(rw, "hello")
			line, err := bufio.NewReader(rw).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "you said hello\n", line)
			rw.Close()
		}, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="101"} 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			client, reg := instrumented(t, server)
			tc.use(t, client)
			require.Equal(t, tc.want, clientSamples(t, reg))
			require.Contains(t, exposed(t, reg), "http_client_request_duration_seconds_count{")
		})
	}
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestTransportOfNext(t *testing.T) {
	t.Run("panics", func(t *testing.T) {
		reg := ember.NewRegistry()
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{}, roundTripper(func(*http.Request) (*http.Response, error) { panic("test") }))
		require.PanicsWithValue(t, "test", func() { rt.RoundTrip(httptest.NewRequest("GET", "http://Example.com:80/x", nil)) })
		require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="GET",host="example.com:80",status="error"} 1`}, clientSamples(t, reg))
	})
	t.Run("its own timeout", func(t *testing.T) {
		reg := ember.NewRegistry()
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{Namespace: "x"}, roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("test: %w", &net.DNSError{IsTimeout: true})
		}))
		_, err := rt.RoundTrip(&http.Request{})
		require.Error(t, err)
		require.Contains(t, samples(t, reg), `x_http_client_requests_total{method="GET",host="",status="timeout"} 1`)
	})
	t.Run("many hosts", func(t *testing.T) {
		reg := ember.NewRegistry()
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{MaxHosts: 2}, roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200}, nil
		}))
		for i := range 10 {
			rt.RoundTrip(httptest.NewRequest("GET", fmt.Sprintf("http://h%d/", i), nil))
		}
		require.Subset(t, clientSamples(t, reg), []string{
			`requests_total{method="GET",host="h0",status="200"} 1`,
			`requests_total{method="GET",host="h1",status="200"} 1`,
			`requests_total{method="GET",host="other",status="200"} 8`,
		})
	})
	t.Run("no limit of hosts", func(t *testing.T) {
		reg := ember.NewRegistry()
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{MaxHosts: -1}, roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200}, nil
		}))
		for i := range 200 {
			rt.RoundTrip(httptest.NewRequest("GET", fmt.Sprintf("http://h%d/", i), nil))
		}
		require.Len(t, clientSamples(t, reg), 201)
	})
	t.Run("exemplars", func(t *testing.T) {
		reg := ember.NewRegistry(ember.WithExemplarSource(func(context.Context) ember.Labels { return ember.Labels{"trace_id": "7"} }))
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{}, roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("test")
		}))
		rt.RoundTrip(httptest.NewRequest("GET", "http://h/", nil))
		var b strings.Builder
		require.NoError(t, ember.Write(&b, reg, ember.FormatOpenMetrics))
		require.Contains(t, b.String(), `status="error"} 1.0 # {trace_id="7"}`)
	})
	t.Run("idle connections", func(t *testing.T) {
		next := &closer{}
		(&http.Client{Transport: emberhttp.Transport(ember.NewRegistry(), emberhttp.TransportOptions{}, next)}).CloseIdleConnections()
		require.True(t, next.closed)
		(&http.Client{Transport: emberhttp.Transport(ember.NewRegistry(), emberhttp.TransportOptions{}, nil)}).CloseIdleConnections()
	})
}

type closer struct {
	http.RoundTripper
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// The parts of which bodies are made.
type (
	bodyWriter     struct{}
	bodyCopier     struct{ err error }
	bodyHalfCloser struct{}
)

func (bodyWriter) Write(p []byte) (int, error) { return len(p), nil }
func (c bodyCopier) WriteTo(w io.Writer) (int64, error) {
	n, _ := io.WriteString(w, chunk)
	return int64(n), c.err
}
func (bodyHalfCloser) CloseWrite() error { return errors.New("test: closed for writing") }

// TestBodies holds that a body keeps the methods that it has, and gets no others.
func TestBodies(t *testing.T) {
	plain := io.NopCloser(onlyReader{strings.NewReader(chunk)})
	for i, body := range []io.ReadCloser{
		plain,
		struct {
			io.ReadCloser
			bodyWriter
		}{plain, bodyWriter{}},
		struct {
			io.ReadCloser
			bodyCopier
		}{plain, bodyCopier{}},
		struct {
			io.ReadCloser
			bodyWriter
			bodyCopier
		}{plain, bodyWriter{}, bodyCopier{}},
		struct {
			io.ReadCloser
			bodyHalfCloser
		}{plain, bodyHalfCloser{}},
		struct {
			io.ReadCloser
			bodyWriter
			bodyHalfCloser
		}{plain, bodyWriter{}, bodyHalfCloser{}},
		struct {
			io.ReadCloser
			bodyCopier
			bodyHalfCloser
		}{plain, bodyCopier{}, bodyHalfCloser{}},
		struct {
			io.ReadCloser
			bodyWriter
			bodyCopier
			bodyHalfCloser
		}{plain, bodyWriter{}, bodyCopier{}, bodyHalfCloser{}},
	} {
		reg := ember.NewRegistry()
		rt := emberhttp.Transport(reg, emberhttp.TransportOptions{}, roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: body}, nil
		}))
		response, err := rt.RoundTrip(httptest.NewRequest("GET", "http://h/", nil))
		require.NoError(t, err)
		w, writes := response.Body.(io.Writer)
		c, copies := response.Body.(io.WriterTo)
		cw, closes := response.Body.(interface{ CloseWrite() error })
		require.Equal(t, []bool{i&1 != 0, i&2 != 0, i&4 != 0}, []bool{writes, copies, closes}, "%d", i)
		require.Contains(t, samples(t, reg), "http_client_requests_in_flight 1")
		if writes {
			n, err := w.Write([]byte("12"))
			require.Equal(t, 2, n)
			require.NoError(t, err)
		}
		if closes {
			require.EqualError(t, cw.CloseWrite(), "test: closed for writing")
		}
		if copies {
			n, err := c.WriteTo(io.Discard)
			require.EqualValues(t, 16, n)
			require.NoError(t, err)
			require.Contains(t, samples(t, reg), "http_client_requests_in_flight 0")
		}
		require.NoError(t, response.Body.Close())
		require.Contains(t, samples(t, reg), "http_client_requests_in_flight 0")
	}
}
