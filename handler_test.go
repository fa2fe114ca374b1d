// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// get serves one request to h.
func get(t testing.TB, h http.Handler, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	for name, lines := range header {
		r.Header[name] = lines
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func gunzip(t testing.TB, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(plain)
}

func TestHandler(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "x"}).Set(5)
	h := ember.HandlerFor(reg, ember.HandlerOpts{})

	w := get(t, h, nil)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, http.Header{
		"Content-Type": {"text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		"Vary":         {"Accept, Accept-Encoding"},
	}, w.Result().Header)
	require.Equal(t, "# TYPE x gauge\nx 5\n", w.Body.String())

	w = get(t, h, http.Header{"Accept-Encoding": {"gzip"}})
	require.Equal(t, "gzip", w.Result().Header.Get("Content-Encoding"))
	require.Equal(t, "# TYPE x gauge\nx 5\n", gunzip(t, w.Body))

	require.Empty(t, get(t, ember.HandlerFor(ember.NewRegistry(), ember.HandlerOpts{}), nil).Body.String())
	require.Contains(t, get(t, ember.Handler(), nil).Body.String(), "\ngo_goroutines ")
}

func TestHandlerMethods(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "x"})
	server := httptest.NewServer(ember.HandlerFor(reg, ember.HandlerOpts{}))
	defer server.Close()
	do := func(method string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", "gzip")
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		return response
	}
	head, full := do(http.MethodHead), do(http.MethodGet)
	for _, response := range []*http.Response{head, full} {
		require.NoError(t, response.Body.Close())
		response.Header.Del("Date")
		response.Header.Del("Content-Length")
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Equal(t, full.Header, head.Header)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		response := do(method)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
		require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
		require.Equal(t, "ember: method "+method+" is not allowed here, only GET and HEAD\n", string(body))
	}
}

func TestHandlerNegotiatesEncoding(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "x"})
	for name, tc := range map[string]struct {
		accept []string
		want   string // gzip, identity or none
	}{
		"no header":              {nil, "identity"},
		"empty":                  {[]string{""}, "identity"},
		"gzip":                   {[]string{"gzip"}, "gzip"},
		"case":                   {[]string{"GZIP"}, "gzip"},
		"old name":               {[]string{"x-gzip"}, "gzip"},
		"parameter":              {[]string{"gzip; level=1"}, "gzip"},
		"refused":                {[]string{"gzip;q=0"}, "identity"},
		"refused, spaces":        {[]string{" gzip ; Q=0.000 "}, "identity"},
		"unknown":                {[]string{"br"}, "identity"},
		"several":                {[]string{"deflate, gzip;q=1.0, *;q=0.5"}, "gzip"},
		"lines":                  {[]string{"br", "gzip"}, "gzip"},
		"zstd first":             {[]string{"zstd,gzip"}, "gzip"},
		"wildcard":               {[]string{"*"}, "gzip"},
		"wildcard refused":       {[]string{"gzip, *;q=0"}, "gzip"},
		"identity wanted more":   {[]string{"gzip;q=0.5, identity"}, "identity"},
		"gzip wanted more":       {[]string{"gzip, identity;q=0.5"}, "gzip"},
		"equal":                  {[]string{"identity, gzip"}, "gzip"},
		"identity wanted little": {[]string{"gzip;q=0.001"}, "gzip"},
		"nothing at all":         {[]string{"identity;q=0"}, "none"},
		"nothing by wildcard":    {[]string{"*;q=0"}, "none"},
		"only what is not there": {[]string{"br, identity;q=0"}, "none"},
		"identity by name":       {[]string{"*;q=0, identity"}, "identity"},
		"not a number":           {[]string{"gzip;q=high"}, "identity"},
		"quoted":                 {[]string{`gzip;q="0.8"`}, "gzip"},
		"commas":                 {[]string{",, ,gzip,,"}, "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, ember.HandlerFor(reg, ember.HandlerOpts{}), http.Header{"Accept-Encoding": tc.accept})
			require.Equal(t, "Accept, Accept-Encoding", w.Header().Get("Vary"))
			switch tc.want {
			case "none":
				require.Equal(t, http.StatusNotAcceptable, w.Code)
				require.Equal(t, fmt.Sprintf("ember: none of gzip, identity is acceptable by Accept-Encoding %q\n", tc.accept), w.Body.String())
			case "gzip":
				require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
				require.Equal(t, "# TYPE x gauge\nx 0\n", gunzip(t, w.Body))
			default:
				require.Empty(t, w.Header().Values("Content-Encoding"))
				require.Equal(t, "# TYPE x gauge\nx 0\n", w.Body.String())
			}
		})
	}
	w := get(t, ember.HandlerFor(reg, ember.HandlerOpts{DisableCompression: true}), http.Header{"Accept-Encoding": {"gzip"}})
	require.Equal(t, "# TYPE x gauge\nx 0\n", w.Body.String())
}

func TestHandlerOnError(t *testing.T) {
	quiet := ember.WithLogger(slog.New(slog.DiscardHandler))
	failing := &custom{func(context.Context, *metric.Sink) error { return errors.New("no answer") }}
	reg := ember.NewRegistry(quiet)
	reg.MustRegister(failing, gauge("x"))

	w := get(t, ember.HandlerFor(reg, ember.HandlerOpts{}), nil)
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "\nx 0\n")

	w = get(t, ember.HandlerFor(reg, ember.HandlerOpts{OnError: ember.Fail}), http.Header{"Accept-Encoding": {"gzip"}})
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Equal(t, "ember: collector ember_test.custom: no answer\n", w.Body.String())
	require.Empty(t, w.Header().Get("Content-Encoding"))

	alone := ember.NewRegistry(quiet)
	alone.MustRegister(failing)
	w = get(t, ember.HandlerFor(alone, ember.HandlerOpts{}), nil)
	require.Equal(t, http.StatusInternalServerError, w.Code, "nothing but the count of its failures is left")
	require.Equal(t, "ember: collector ember_test.custom: no answer\n", w.Body.String())

	w = get(t, ember.HandlerFor(foreign{err: errors.New("nothing")}, ember.HandlerOpts{}), nil)
	require.Equal(t, http.StatusInternalServerError, w.Code, "there is no rest to serve")
	require.Equal(t, "nothing\n", w.Body.String())
}

func TestHandlerLimitsScrapesInFlight(t *testing.T) {
	for name, tc := range map[string]struct {
		limit, allowed int
	}{
		"default": {0, 16},
		"one":     {1, 1},
		"none":    {-1, 100},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			entered, release := make(chan struct{}), make(chan struct{})
			reg.MustRegister(&custom{func(context.Context, *metric.Sink) error {
				entered <- struct{}{}
				<-release
				return nil
			}})
			h := ember.HandlerFor(reg, ember.HandlerOpts{MaxInFlight: tc.limit})
			var wg sync.WaitGroup
			for range tc.allowed {
				wg.Go(func() { get(t, h, nil) })
				<-entered
			}
			if tc.limit >= 0 {
				w := get(t, h, nil)
				require.Equal(t, http.StatusServiceUnavailable, w.Code)
				require.Equal(t, fmt.Sprintf("ember: %d scrapes are being served, which is the limit\n", tc.allowed), w.Body.String())
				require.Equal(t, "1", w.Header().Get("Retry-After"))
			}
			close(release)
			wg.Wait()
			go func() { <-entered }()
			require.Equal(t, http.StatusOK, get(t, h, nil).Code, "places are given back")
		})
	}
}

func TestHandlerHeedsTheScrapersDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		header  string
		timeout time.Duration
		want    time.Duration // 0: none
	}{
		"none":             {"", 0, 0},
		"scraper's":        {"10", 0, 9500 * time.Millisecond},
		"short":            {"1.5", 0, 1350 * time.Millisecond},
		"handler's":        {"", 4 * time.Second, 3600 * time.Millisecond},
		"handler's sooner": {"10", 4 * time.Second, 3600 * time.Millisecond},
		"scraper's sooner": {"2", 4 * time.Second, 1800 * time.Millisecond},
		"zero":             {"0", 0, 0},
		"negative":         {"-1", 0, 0},
		"NaN":              {"NaN", 0, 0},
		"infinite":         {"Inf", 0, 0},
		"not a number":     {"soon", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var left time.Duration
			var limited bool
			reg := ember.NewRegistry()
			reg.MustRegister(&custom{func(ctx context.Context, _ *metric.Sink) error {
				var end time.Time
				end, limited = ctx.Deadline()
				left = time.Until(end)
				return nil
			}})
			header := http.Header{}
			if tc.header != "" {
				header.Set("X-Prometheus-Scrape-Timeout-Seconds", tc.header)
			}
			get(t, ember.HandlerFor(reg, ember.HandlerOpts{Timeout: tc.timeout}), header)
			require.Equal(t, tc.want > 0, limited)
			if limited {
				require.InDelta(t, tc.want.Seconds(), left.Seconds(), 0.1*tc.want.Seconds())
			}
		})
	}
}

// large returns a registry whose exposition takes many writes.
func large() *ember.Registry {
	reg := ember.NewRegistry()
	vec := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "i")
	for i := range 20_000 {
		vec.With(fmt.Sprintf("%06d", i)).Inc()
	}
	return reg
}

// failingWriter fails after some bytes, as a connection does whose peer has gone.
type failingWriter struct {
	*httptest.ResponseRecorder
	left  int
	after int // writes after the one that failed
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left < 0 {
		w.after++
	}
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("gone")
	}
	return w.ResponseRecorder.Write(p)
}

func TestHandlerAbortsRatherThanTruncates(t *testing.T) {
	h := ember.HandlerFor(large(), ember.HandlerOpts{})
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set("Accept-Encoding", encoding)
			w := &failingWriter{ResponseRecorder: httptest.NewRecorder(), left: 50_000}
			require.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(w, r) })
			require.LessOrEqual(t, w.after, 1, "nothing is written in vain")
			// The buffers that went back to the pools are clean.
			require.Equal(t, 20_001, strings.Count(get(t, h, nil).Body.String(), "\n"))
			require.Equal(t, 20_001, strings.Count(gunzip(t, get(t, h, http.Header{"Accept-Encoding": {"gzip"}}).Body), "\n"))
		})
	}
}

func TestHandlerStopsWhenTheClientGoesAway(t *testing.T) {
	t.Run("while collecting", func(t *testing.T) {
		reg := ember.NewRegistry()
		entered, left := make(chan struct{}), make(chan error, 1)
		reg.MustRegister(&custom{func(ctx context.Context, _ *metric.Sink) error {
			close(entered)
			<-ctx.Done()
			left <- ctx.Err()
			return ctx.Err()
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(httptest.NewRecorder(), r)
		})
		require.ErrorIs(t, <-left, context.Canceled)
		families, _ := ember.Gatherers{}.Gather()
		require.Empty(t, families)
	})
	t.Run("while sending", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &cancellingWriter{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			ember.HandlerFor(large(), ember.HandlerOpts{}).ServeHTTP(w, r)
		})
		require.Equal(t, 1, w.writes)
	})
	t.Run("over a connection", func(t *testing.T) {
		reg := large()
		done := make(chan any, 1)
		h := ember.HandlerFor(reg, ember.HandlerOpts{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				p := recover()
				done <- p
				if p != nil {
					panic(p)
				}
			}()
			for { // until the connection's buffers are full
				h.ServeHTTP(w, r)
			}
		}))
		defer server.Close()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		_, err = bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Equal(t, http.ErrAbortHandler, <-done)
	})
}

type cancellingWriter struct {
	*httptest.ResponseRecorder
	cancel func()
	writes int
}

func (w *cancellingWriter) Write(p []byte) (int, error) {
	w.writes++
	w.cancel()
	return w.ResponseRecorder.Write(p)
}

// TestScrapersShareNothing scrapes one handler from many goroutines while series
// are created.
func TestScrapersShareNothing(t *testing.T) {
	reg := ember.NewRegistry()
	vec := reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1}}, "i")
	h := ember.HandlerFor(reg, ember.HandlerOpts{MaxInFlight: -1})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				vec.With(fmt.Sprint(i % 1000)).Observe(1)
			}
		}
	})
	var scrapers sync.WaitGroup
	for i := range 8 {
		scrapers.Go(func() {
			for range 6 {
				var body string
				if i%2 == 0 {
					body = get(t, h, nil).Body.String()
				} else {
					body = gunzip(t, get(t, h, http.Header{"Accept-Encoding": {"gzip"}}).Body)
				}
				for line := range strings.Lines(body) {
					if !strings.HasPrefix(line, "h_") && !strings.HasPrefix(line, "# TYPE h histogram") || !strings.HasSuffix(line, "\n") {
						t.Errorf("odd line %q", line)
						return
					}
				}
			}
		})
	}
	scrapers.Wait()
	close(stop)
	wg.Wait()
}

// TestHandlerResetsHTTP10: there, the end of a connection is the end of a response,
// so only a reset tells that something is missing.
func TestHandlerResetsHTTP10(t *testing.T) {
	reg := large()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(&cancelAfter{w, cancel}, r.WithContext(ctx))
		close(stop) // not reached: the handler panics
	}))
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.Error(t, err, "the response looks complete")
	select {
	case <-stop:
		t.Fatal("the handler returned")
	default:
	}
}

// cancelAfter ends a request's context after the first write.
type cancelAfter struct {
	http.ResponseWriter
	cancel func()
}

func (w *cancelAfter) Write(p []byte) (int, error) {
	w.cancel()
	return w.ResponseWriter.Write(p)
}

func (w *cancelAfter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestHandlerWantsAGatherer(t *testing.T) {
	require.PanicsWithValue(t, "ember: HandlerFor was given no Gatherer", func() { ember.HandlerFor(nil, ember.HandlerOpts{}) })
}
