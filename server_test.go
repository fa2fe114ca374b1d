// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// logged is a log that is written and read at once.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// logger returns a logger to l, without the time.
func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// metricsServer is a running ListenAndServe.
type metricsServer struct {
	addr string
	log  *logged
	// stop ends it, and returns what ListenAndServe did. More calls return the same.
	stop func() error
}

// serveMetrics runs ListenAndServe until the test ends, which wants no error.
func serveMetrics(t *testing.T, addr string, opts ember.ServerOpts) *metricsServer {
	t.Helper()
	s := &metricsServer{log: &logged{}}
	if opts.Gatherer == nil {
		opts.Gatherer = oneGauge()
	}
	opts.Logger = s.log.logger()
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	opts.Listening = func(a net.Addr) { listening <- a }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- ember.ListenAndServe(ctx, addr, opts) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	select {
	case a := <-listening:
		s.addr = a.String()
	case err := <-ended:
		require.NoError(t, err)
		require.Fail(t, "it did not listen")
	}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

func oneGauge() *ember.Registry {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "x"}).Set(5)
	return reg
}

// client returns an HTTP client that keeps nothing beyond the test.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask returns the response to a request and its body. The header is pairs.
func ask(t *testing.T, c *http.Client, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// serveSomethingElse gives the service something to serve, once for all runs of a test.
var serveSomethingElse = sync.OnceFunc(func() {
	http.HandleFunc("/of-the-service", func(http.ResponseWriter, *http.Request) {})
})

func TestListenAndServe(t *testing.T) {
	serveSomethingElse()
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{})
	c := client(t)
	url := "http://" + s.addr
	for name, tc := range map[string]struct {
		method, path string
		status       int
		contentType  string
		body         string
	}{
		"metrics":                 {"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "# TYPE x gauge\nx 5\n"},
		"some of them":            {"GET", "/metrics?name[]=y", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		"their header":            {"HEAD", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		"no other method":         {"POST", "/metrics", 405, "text/plain; charset=utf-8", "ember: method POST is not allowed here, only GET and HEAD\n"},
		"health":                  {"GET", "/-/healthy", 200, "text/plain; charset=utf-8", "ok\n"},
		"health's header":         {"HEAD", "/-/healthy", 200, "text/plain; charset=utf-8", ""},
		"no other method of it":   {"PUT", "/-/healthy", 405, "text/plain; charset=utf-8", "ember: method PUT is not allowed here, only GET and HEAD\n"},
		"nothing else":            {"GET", "/metric", 404, "text/plain; charset=utf-8", "404 page not found\n"},
		"nothing of the service":  {"GET", "/of-the-service", 404, "text/plain; charset=utf-8", "404 page not found\n"},
		"no cardinality unasked":  {"GET", "/debug/cardinality", 404, "text/plain; charset=utf-8", "404 page not found\n"},
		"nothing below the pages": {"GET", "/-/healthy/x", 404, "text/plain; charset=utf-8", "404 page not found\n"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := ask(t, c, tc.method, url+tc.path)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Equal(t, tc.contentType, resp.Header.Get("Content-Type"))
			require.Equal(t, []string{"nosniff"}, resp.Header["X-Content-Type-Options"])
			require.Equal(t, []string{"no-store"}, resp.Header["Cache-Control"])
			require.Equal(t, tc.body, body)
		})
	}
	require.NoError(t, s.stop())
	require.Equal(t, fmt.Sprintf("level=INFO msg=\"ember: metrics are served\" address=%s tls=false\n", s.addr), s.log.String())
	_, err := net.Dial("tcp", s.addr)
	require.Error(t, err, "the port is free")
}

// The page links to everything there is, and all of that answers.
func TestServerPage(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ember.ServerOpts
		want []string
	}{
		"as it is":         {ember.ServerOpts{}, []string{"/metrics", "/-/healthy"}},
		"with cardinality": {ember.ServerOpts{Cardinality: true}, []string{"/metrics", "/debug/cardinality", "/-/healthy"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveMetrics(t, "127.0.0.1:0", tc.opts)
			c := client(t)
			resp, body := ask(t, c, "GET", "http://"+s.addr+"/")
			require.Equal(t, 200, resp.StatusCode)
			require.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
			var links []string
			for _, m := range regexp.MustCompile(`<a href="([^"]*)">`).FindAllStringSubmatch(body, -1) {
				links = append(links, m[1])
				resp, _ := ask(t, c, "GET", "http://"+s.addr+m[1])
				require.Equal(t, 200, resp.StatusCode, m[1])
			}
			require.Equal(t, tc.want, links)
		})
	}
}

func TestServerOfDefault(t *testing.T) {
	listening := make(chan net.Addr, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- ember.ListenAndServe(ctx, "127.0.0.1:0", ember.ServerOpts{
			Cardinality: true,
			Logger:      slog.New(slog.DiscardHandler),
			Listening:   func(a net.Addr) { listening <- a },
		})
	}()
	c := client(t)
	url := "http://" + (<-listening).String()
	_, body := ask(t, c, "GET", url+"/metrics")
	require.Contains(t, body, "\ngo_goroutines ")
	_, body = ask(t, c, "GET", url+"/debug/cardinality")
	require.Contains(t, body, "\ngo_goroutines (gauge): 1 series\n")
	cancel()
	require.NoError(t, <-ended)
}

// A context that is done already is no error, and nothing listens.
func TestServerOfNoTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, ember.ListenAndServe(ctx, "127.0.0.1:0", ember.ServerOpts{
		Listening: func(net.Addr) { t.Error("it listens") },
	}))
}

func TestServerRefuses(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	for name, tc := range map[string]struct {
		addr string
		opts ember.ServerOpts
		want string
	}{
		"a busy port":       {busy.Addr().String(), ember.ServerOpts{}, fmt.Sprintf(`ember: server %q: listen tcp %[1]s: bind: address already in use`, busy.Addr().String())},
		"a busy range":      {fmt.Sprintf("127.0.0.1:%d-%[1]d", port), ember.ServerOpts{}, fmt.Sprintf(`ember: server "127.0.0.1:%d-%[1]d": none of the ports can be bound, the last one because of: listen tcp 127.0.0.1:%[1]d: bind: address already in use`, port)},
		"no port":           {"127.0.0.1", ember.ServerOpts{}, `ember: server "127.0.0.1": listen tcp: address 127.0.0.1: missing port in address`},
		"a range reversed":  {"127.0.0.1:2-1", ember.ServerOpts{}, `ember: server "127.0.0.1:2-1": "2-1" is no range of ports`},
		"a range too high":  {"127.0.0.1:65535-65536", ember.ServerOpts{}, `ember: server "127.0.0.1:65535-65536": "65535-65536" is no range of ports`},
		"a range from zero": {"127.0.0.1:0-9", ember.ServerOpts{}, `ember: server "127.0.0.1:0-9": "0-9" is no range of ports`},
		"half a range":      {"127.0.0.1:9100-", ember.ServerOpts{}, `ember: server "127.0.0.1:9100-": "9100-" is no range of ports`},
		"no address":        {"", ember.ServerOpts{}, `ember: server "": the address is empty; ":0" is any free port of all interfaces`},
		"a Unix socket":     {"unix:/run/my-app.sock", ember.ServerOpts{}, `ember: server "unix:/run/my-app.sock": an address is a host and a port; Unix sockets are not served`},
		"no named port":     {"127.0.0.1:no-such-port", ember.ServerOpts{}, `ember: server "127.0.0.1:no-such-port": listen tcp: lookup tcp/no-such-port: unknown port`},
		"no registry":       {":0", ember.ServerOpts{Gatherer: ember.Gatherers{}, Cardinality: true}, `ember: server ":0": Cardinality needs a registry, and the Gatherer is a ember.Gatherers`},
		"no encoding":       {":0", ember.ServerOpts{Handler: ember.HandlerOpts{Encodings: []ember.Encoding{{}}}}, `ember: server ":0": ember: encoding "": `},
		"a key missing":     {":0", ember.ServerOpts{CertFile: "a.pem"}, `ember: server ":0": TLS needs both a CertFile and a KeyFile, which are "a.pem" and ""`},
		"both missing":      {":0", ember.ServerOpts{ClientCAFile: "a.pem"}, `ember: server ":0": TLS needs both a CertFile and a KeyFile, which are "" and ""`},
		"no such file":      {":0", ember.ServerOpts{CertFile: "none.pem", KeyFile: "key.pem"}, `ember: server ":0": none.pem and key.pem: open none.pem: no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (strings.HasPrefix(name, "a busy") || name == "no such file" || name == "no named port") {
				t.Skip("Windows words it differently")
			}
			start := time.Now()
			tc.opts.Listening = func(net.Addr) { t.Error("it listens") }
			err := ember.ListenAndServe(t.Context(), tc.addr, tc.opts)
			require.Less(t, time.Since(start), 5*time.Second)
			if name == "no encoding" { // and what is wrong with it is said elsewhere
				require.ErrorContains(t, err, `ember: server ":0": ember: `)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}

// Servers of one range find a port each, the first free one.
func TestServerPorts(t *testing.T) {
	var from int
	for attempt := 0; ; attempt++ { // three ports in a row that nobody else has
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		from = l.Addr().(*net.TCPAddr).Port
		free := true
		for port := from + 1; port < from+3; port++ {
			other, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			free = free && err == nil
			if err == nil {
				other.Close()
			}
		}
		l.Close()
		if free {
			break
		}
		require.Less(t, attempt, 100)
	}
	ports := fmt.Sprintf("127.0.0.1:%d-%d", from, from+2)
	var servers []*metricsServer
	for i := range 3 {
		s := serveMetrics(t, ports, ember.ServerOpts{})
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", from+i), s.addr)
		require.Contains(t, s.log.String(), "address="+s.addr+" ")
		servers = append(servers, s)
	}
	require.ErrorContains(t, ember.ListenAndServe(t.Context(), ports, ember.ServerOpts{Gatherer: oneGauge()}), "none of the ports can be bound")
	require.NoError(t, servers[1].stop())
	require.Equal(t, servers[1].addr, serveMetrics(t, ports, ember.ServerOpts{}).addr)
}

// A caller that panics, or ends its goroutine, leaves nothing behind.
func TestServerListeningPanics(t *testing.T) {
	for name, end := range map[string]func(){
		"panics": func() { panic("at once") },
		"ends":   runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan string)
			go func() {
				addr := ""
				defer func() {
					_ = recover()
					ended <- addr
				}()
				_ = ember.ListenAndServe(t.Context(), "127.0.0.1:0", ember.ServerOpts{
					Gatherer: oneGauge(), Logger: slog.New(slog.DiscardHandler),
					Listening: func(a net.Addr) { addr = a.String(); end() },
				})
			}()
			addr := <-ended
			require.NotEmpty(t, addr)
			_, err := net.Dial("tcp", addr)
			require.Error(t, err, "the port is free")
		})
	}
}

// slow is a collector that a scrape waits for.
type slow struct{ collecting, finish chan struct{} }

func newSlow() *slow { return &slow{make(chan struct{}), make(chan struct{})} }

func (s *slow) Collect(_ context.Context, out *metric.Sink) error {
	s.collecting <- struct{}{}
	<-s.finish
	out.Gauge("slow", "", 1)
	return nil
}

func TestServerShutdown(t *testing.T) {
	t.Run("lets a scrape finish", func(t *testing.T) {
		reg, collector := ember.NewRegistry(), newSlow()
		reg.MustRegister(collector)
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Gatherer: reg})
		c, body := client(t), make(chan string, 1)
		go func() {
			_, text := ask(t, c, "GET", "http://"+s.addr+"/metrics")
			body <- text
		}()
		<-collector.collecting
		stopped := make(chan error, 1)
		go func() { stopped <- s.stop() }()
		require.Eventually(t, func() bool { // nobody else gets in
			conn, err := net.Dial("tcp", s.addr)
			if err == nil {
				conn.Close()
			}
			return err != nil
		}, 5*time.Second, time.Millisecond)
		select {
		case <-stopped:
			require.Fail(t, "it did not wait")
		default:
		}
		close(collector.finish)
		require.Equal(t, "# TYPE slow gauge\nslow 1\n", <-body)
		require.NoError(t, <-stopped)
	})
	t.Run("for some time", func(t *testing.T) {
		reg, collector := ember.NewRegistry(), newSlow()
		reg.MustRegister(collector)
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Gatherer: reg, ShutdownTimeout: 50 * time.Millisecond})
		failed := make(chan error, 1)
		c := client(t)
		go func() {
			resp, err := c.Get("http://" + s.addr + "/metrics")
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		<-collector.collecting
		start := time.Now()
		require.NoError(t, s.stop())
		require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
		require.Less(t, time.Since(start), 3*time.Second)
		require.Error(t, <-failed)
		require.Contains(t, s.log.String(), "level=WARN msg=\"ember: connections of the metrics server are cut off\" address="+s.addr+" error=\"context deadline exceeded\"\n")
		close(collector.finish)
	})
	t.Run("at once if somebody says nothing", func(t *testing.T) {
		for _, opts := range []ember.ServerOpts{{}, withTLS(t, newAuthority(t))} {
			s := serveMetrics(t, "127.0.0.1:0", opts)
			conn, err := net.Dial("tcp", s.addr)
			require.NoError(t, err)
			defer conn.Close()
			ask(t, client(t), "GET", "http://"+s.addr+"/-/healthy") // by now it is accepted
			start := time.Now()
			require.NoError(t, s.stop())
			require.Less(t, time.Since(start), 4*time.Second)
			require.NotContains(t, s.log.String(), "cut off")
		}
	})
	t.Run("at once if nobody asks", func(t *testing.T) {
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{})
		ask(t, client(t), "GET", "http://"+s.addr+"/metrics") // and the connection is kept
		start := time.Now()
		require.NoError(t, s.stop())
		require.Less(t, time.Since(start), 3*time.Second)
	})
}

// cutOff returns how long it takes until the server closes a connection on which the
// text is sent, a byte now and then.
func cutOff(t *testing.T, addr, text string) (after time.Duration, answer string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	start := time.Now()
	go func() {
		for i := range text {
			if _, err := conn.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	require.NoError(t, conn.SetReadDeadline(start.Add(20*time.Second)))
	read, err := io.ReadAll(conn)
	if err != nil {
		require.NotErrorIs(t, err, context.DeadlineExceeded, "it waits for ever")
		require.NotContains(t, err.Error(), "timeout")
	}
	return time.Since(start), string(read)
}

func TestServerCutsOffSlowClients(t *testing.T) {
	const short = 200 * time.Millisecond
	long := strings.Repeat("x", 5000) // 50 seconds of sending
	for name, tc := range map[string]struct {
		opts   ember.ServerOpts
		text   string
		answer string // how it begins
	}{
		"in the header":    {ember.ServerOpts{ReadHeaderTimeout: short}, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + long, ""},
		"that say nothing": {ember.ServerOpts{ReadHeaderTimeout: short}, "", ""},
		"between requests": {ember.ServerOpts{IdleTimeout: short}, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
		"in the body":      {ember.ServerOpts{ReadTimeout: short}, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + long, "HTTP/1.1 405 Method Not Allowed\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveMetrics(t, "127.0.0.1:0", tc.opts)
			after, answer := cutOff(t, s.addr, tc.text)
			require.True(t, strings.HasPrefix(answer, tc.answer), answer)
			require.GreaterOrEqual(t, after, short/2)
			require.Less(t, after, 10*time.Second)
		})
	}
	t.Run("with a header too long", func(t *testing.T) {
		t.Parallel()
		for limit, tc := range map[int]struct{ fits, tooLong int }{
			1:  {1000, 6000}, // package http allows 4 KiB more
			0:  {60_000, 80_000},
			-1: {900_000, 0},
		} {
			s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{MaxHeaderBytes: limit})
			resp, _ := ask(t, client(t), "GET", "http://"+s.addr+"/metrics", "X", strings.Repeat("x", tc.fits))
			require.Equal(t, http.StatusOK, resp.StatusCode, limit)
			if tc.tooLong > 0 {
				resp, _ = ask(t, client(t), "GET", "http://"+s.addr+"/metrics", "X", strings.Repeat("x", tc.tooLong))
				require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, resp.StatusCode, limit)
			}
		}
	})
	t.Run("but not for what takes too long, which is left out", func(t *testing.T) {
		t.Parallel()
		reg, collector := oneGauge(), newSlow()
		reg.MustRegister(collector)
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{
			Gatherer: reg, WriteTimeout: 4 * time.Second, Handler: ember.HandlerOpts{Timeout: time.Hour},
		})
		t.Cleanup(func() { close(collector.finish) })
		go func() { <-collector.collecting }()
		c := client(t)
		c.Timeout = 20 * time.Second
		resp, body := ask(t, c, "GET", "http://"+s.addr+"/metrics", "X-Prometheus-Scrape-Timeout-Seconds", "3600")
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, body, "\nx 5\n")
		require.Contains(t, body, "ember_collector_errors_total{")
		require.NotContains(t, body, "slow 1")
	})
	t.Run("nor for counting, which is incomplete then", func(t *testing.T) {
		t.Parallel()
		reg, collector := oneGauge(), newSlow()
		reg.MustRegister(collector)
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Gatherer: reg, Cardinality: true, WriteTimeout: 4 * time.Second})
		t.Cleanup(func() { close(collector.finish) })
		go func() { <-collector.collecting }()
		c := client(t)
		c.Timeout = 20 * time.Second
		resp, body := ask(t, c, "GET", "http://"+s.addr+"/debug/cardinality")
		require.Equal(t, 200, resp.StatusCode)
		require.Regexp(t, "^incomplete: .*not done in time: ember: the scrape's deadline is [0-9.]+ms away\n", body)
		require.Contains(t, body, "\nx (gauge): 1 series\n")
	})
	t.Run("and nobody else", func(t *testing.T) {
		t.Parallel()
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{ReadHeaderTimeout: short, IdleTimeout: -1})
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
		r := bufio.NewReader(conn)
		for range 3 {
			_, err := io.WriteString(conn, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			resp, err := http.ReadResponse(r, nil)
			require.NoError(t, err)
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
			time.Sleep(short * 3 / 2)
		}
	})
}
