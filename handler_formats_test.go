// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// What scrapers send, and what they get.
func TestHandlerNegotiatesFormat(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "x.y_total"}).Inc()
	const (
		text       = "text/plain; version=0.0.4; charset=utf-8; escaping="
		text1      = "text/plain; version=1.0.0; charset=utf-8; escaping="
		open       = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
		open0      = "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="
		open2      = "application/openmetrics-text; version=2.0.0; charset=utf-8; escaping="
		protobuf   = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping="
		protoAsked = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	)
	for name, tc := range map[string]struct {
		accept []string
		want   string
		body   string // empty: any
	}{
		"no header":                      {nil, text + "underscores", "# TYPE x_y_total counter\nx_y_total 1\n"},
		"Prometheus 2.42":                {[]string{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}, open + "underscores", "# TYPE x_y counter\nx_y_total 1.0\n# EOF\n"},
		"Prometheus 2.42, native":        {[]string{protoAsked + ",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}, protobuf + "underscores", ""},
		"Prometheus 3.4":                 {[]string{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}, open + "allow-utf-8", "# TYPE \"x.y\" counter\n{\"x.y_total\"} 1.0\n# EOF\n"},
		"Prometheus 3.16, native":        {[]string{protoAsked + ";q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}, protobuf + "allow-utf-8", ""},
		"Prometheus 3.16, text alone":    {[]string{"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4"}, text1 + "allow-utf-8", "# TYPE \"x.y_total\" counter\n{\"x.y_total\"} 1\n"},
		"vmagent":                        {[]string{"text/plain;version=0.0.4;q=1,*/*;q=0.1"}, text + "underscores", ""},
		"OpenMetrics 0.0.1":              {[]string{"application/openmetrics-text; version=0.0.1"}, open0 + "underscores", "# TYPE x_y counter\nx_y_total 1.0\n# EOF\n"},
		"OpenMetrics 2 is not offered":   {[]string{"application/openmetrics-text;version=2.0.0, text/plain;q=0.5"}, text + "underscores", ""},
		"excluded":                       {[]string{"application/openmetrics-text;version=1.0.0;q=0"}, text + "underscores", ""},
		"dots":                           {[]string{"text/plain; escaping=dots"}, text + "dots", "# TYPE x_dot_y__total counter\nx_dot_y__total 1\n"},
		"values, in another line":        {[]string{"text/html", "application/openmetrics-text; escaping=\"values\""}, open + "values", "# TYPE U__x_2e_y_ counter\nU__x_2e_y__total 1.0\n# EOF\n"},
		"a wildcard is a last resort":    {[]string{"application/openmetrics-text;q=0.1, */*;q=2"}, open + "underscores", ""},
		"somebody who wants JSON":        {[]string{"application/json"}, text + "underscores", ""},
		"OpenMetrics 2 where not wanted": {[]string{"application/openmetrics-text;version=2.0.0;q=0.2, application/openmetrics-text"}, open + "underscores", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, ember.HandlerFor(reg, ember.HandlerOpts{}), http.Header{"Accept": tc.accept})
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, tc.want, w.Header().Get("Content-Type"))
			if tc.body != "" {
				require.Equal(t, tc.body, w.Body.String())
			}
		})
	}

	w := get(t, ember.HandlerFor(reg, ember.HandlerOpts{OpenMetrics2: true}), http.Header{"Accept": {"application/openmetrics-text;version=2.0.0"}})
	require.Equal(t, open2+"allow-utf-8", w.Header().Get("Content-Type"))
	require.Regexp(t, `^# TYPE "x.y_total" counter\n\{"x.y_total"\} 1 st@[0-9.]+\n# EOF\n$`, w.Body.String())

	w = get(t, ember.HandlerFor(reg, ember.HandlerOpts{Created: true}), http.Header{"Accept": {"application/openmetrics-text"}})
	require.Regexp(t, `^# TYPE x_y counter\nx_y_total 1\.0\nx_y_created [0-9.]+\n# EOF\n$`, w.Body.String())

	w = get(t, ember.HandlerFor(reg, ember.HandlerOpts{}), http.Header{"Accept": {"*/*;q=0"}})
	require.Equal(t, http.StatusNotAcceptable, w.Code)
	require.Equal(t, "ember: all formats are excluded by Accept [\"*/*;q=0\"]\n", w.Body.String())
}

// An empty registry is an answer too.
func TestHandlerExposesNothing(t *testing.T) {
	h := ember.HandlerFor(ember.NewRegistry(), ember.HandlerOpts{OpenMetrics2: true})
	for accept, want := range map[string]string{
		"text/plain":                                 "",
		"application/openmetrics-text":               "# EOF\n",
		"application/openmetrics-text;version=2.0.0": "# EOF\n",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily": "",
	} {
		w := get(t, h, http.Header{"Accept": {accept}})
		require.Equal(t, http.StatusOK, w.Code, accept)
		require.Equal(t, want, w.Body.String(), accept)
	}
}

// described is a collector that says what it will write.
type described struct {
	custom
	descs []metric.Desc
}

func (d *described) Describe() []metric.Desc { return d.descs }

func TestHandlerSelectsByName(t *testing.T) {
	var mu sync.Mutex // for collectors run side by side
	var calls []string
	called := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, name)
	}
	note := func(name string) func() float64 {
		return func() float64 { called(name); return 1 }
	}
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	reg.NewCounter(ember.CounterOpts{Name: "requests_total"})
	reg.NewGaugeFunc(ember.GaugeOpts{Name: "called"}, note("called"))
	reg.NewGauge(ember.GaugeOpts{Name: "utf.8"})
	reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1}})
	reg.NewInfo(ember.InfoOpts{Name: "build_info"}, ember.Labels{"v": "1"})
	reg.MustRegister(
		&described{custom{func(_ context.Context, out *metric.Sink) error {
			called("described")
			out.Gauge("described", "", 1)
			return nil
		}}, []metric.Desc{{Name: "described", Kind: metric.Gauge}}},
		&custom{func(_ context.Context, out *metric.Sink) error {
			called("undescribed")
			out.Gauge("undescribed", "", 1)
			out.Gauge("other", "", 1)
			return nil
		}},
	)
	h := ember.HandlerFor(reg, ember.HandlerOpts{})
	for name, tc := range map[string]struct {
		names  []string
		accept string
		want   string
		calls  []string // beside the collector that does not describe itself
	}{
		"a family":                  {[]string{"requests_total"}, "", "# TYPE requests_total counter\nrequests_total 0\n", nil},
		"a family of OpenMetrics":   {[]string{"requests"}, "application/openmetrics-text", "# TYPE requests counter\nrequests_total 0.0\n# EOF\n", nil},
		"a sample":                  {[]string{"h_bucket"}, "", "# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n", nil},
		"two":                       {[]string{"build", "h_created", "nothing"}, "", "# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n", nil},
		"a raw name":                {[]string{"utf.8"}, "", "# TYPE utf_8 gauge\nutf_8 0\n", nil},
		"an escaped name":           {[]string{"utf_8"}, "text/plain;escaping=allow-utf-8", "# TYPE \"utf.8\" gauge\n{\"utf.8\"} 0\n", nil},
		"a name as escaped here":    {[]string{"utf_dot_8"}, "text/plain;escaping=dots", "# TYPE utf_dot_8 gauge\nutf_dot_8 0\n", nil},
		"a name as escaped nowhere": {[]string{"utf_dot_8"}, "", "", nil},
		"a function":                {[]string{"called"}, "", "# TYPE called gauge\ncalled 1\n", []string{"called"}},
		"a collector":               {[]string{"described"}, "", "# TYPE described gauge\ndescribed 1\n", []string{"described"}},
		"of one that could be any":  {[]string{"other"}, "", "# TYPE other gauge\nother 1\n", nil},
		"unknown":                   {[]string{"x"}, "", "", nil},
		"unknown, OpenMetrics":      {[]string{"x"}, "application/openmetrics-text", "# EOF\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			calls = nil
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics?"+url.Values{"name[]": tc.names}.Encode(), nil)
			if tc.accept != "" {
				r.Header.Set("Accept", tc.accept)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, tc.want, w.Body.String())
			require.ElementsMatch(t, append([]string{"undescribed"}, tc.calls...), calls)
		})
	}
}

func TestHandlerRefusesBadEncodings(t *testing.T) {
	fine := func() ember.EncodingWriter { return nil }
	for name, tc := range map[string]struct {
		encodings []ember.Encoding
		want      string
	}{
		"no name":     {[]ember.Encoding{{NewWriter: fine}}, `ember: encoding 0 cannot be called ""`},
		"not a token": {[]ember.Encoding{{"a", fine}, {"b c", fine}}, `ember: encoding 1 cannot be called "b c"`},
		"identity":    {[]ember.Encoding{{"Identity", fine}}, `ember: encoding 0 cannot be called "Identity"`},
		"no writer":   {[]ember.Encoding{{"x", nil}}, `ember: encoding "x" has no NewWriter`},
		"twice":       {[]ember.Encoding{{"x", fine}, {"X", fine}}, `ember: encodings 0 and 1 are both called "X"`},
	} {
		t.Run(name, func(t *testing.T) {
			require.PanicsWithError(t, tc.want, func() {
				ember.HandlerFor(ember.NewRegistry(), ember.HandlerOpts{Encodings: tc.encodings})
			})
		})
	}
}

// pipes is a listener of connections in memory, whose time is the bubble's.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.ended); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A client that takes nothing more costs nothing after half a minute.
func TestHandlerGivesUpOnStalledClients(t *testing.T) {
	for name, tc := range map[string]struct {
		server time.Duration // the server's own limit
		want   time.Duration
	}{
		"without a limit of the server":      {0, 30 * time.Second},
		"the server's own limit is stricter": {10 * time.Second, 10 * time.Second},
		"the server's own limit is laxer":    {time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := ember.NewRegistry()
				v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a")
				for i := range 20_000 {
					v.With(fmt.Sprint(i))
				}
				h := ember.HandlerFor(reg, ember.HandlerOpts{MaxInFlight: 1})
				var took time.Duration
				done := make(chan struct{})
				server := &http.Server{
					WriteTimeout: tc.server,
					ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
					Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						start := time.Now()
						defer func() {
							took = time.Since(start)
							close(done)
						}()
						h.ServeHTTP(w, r)
					}),
				}
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				served := make(chan error)
				go func() { served <- server.Serve(l) }()
				client, conn := net.Pipe()
				l.conns <- conn
				_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				_, err = io.ReadFull(client, make([]byte, 100)) // and no more
				require.NoError(t, err)
				<-done
				require.Equal(t, tc.want, took)

				rest, _ := io.ReadAll(client)
				require.False(t, strings.HasSuffix(string(rest), "0\r\n\r\n"), "it looks complete")
				w := get(t, h, nil)
				require.Equal(t, http.StatusOK, w.Code, "its place was not given back")
				require.NoError(t, server.Close())
				require.ErrorIs(t, <-served, http.ErrServerClosed)
			})
		})
	}
}

// A slow client that goes on reading gets everything, and its connection serves the
// next request however long that takes to come.
func TestHandlerIsPatientWithSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a")
		for i := range 5_000 {
			v.With(fmt.Sprint(i))
		}
		server := &http.Server{Handler: ember.HandlerFor(reg, ember.HandlerOpts{})}
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		client, conn := net.Pipe()
		l.conns <- conn
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			if client == nil {
				return nil, errors.New("the connection was not kept")
			}
			c := client
			client = nil
			return c, nil
		}}
		for range 3 {
			response, err := (&http.Client{Transport: transport}).Get("http://x/")
			require.NoError(t, err)
			lines := 0
			buf := make([]byte, 16<<10)
			for {
				n, err := response.Body.Read(buf)
				lines += strings.Count(string(buf[:n]), "\n")
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				time.Sleep(10 * time.Second)
			}
			require.NoError(t, response.Body.Close())
			require.Equal(t, 5_001, lines)
			time.Sleep(time.Hour)
		}
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

// Scrapers of all formats and encodings share nothing, also while some of them go away
// in the middle; who has gone costs nothing.
func TestScrapersOfAllFormats(t *testing.T) {
	reg := ember.NewRegistry()
	counters := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "i", "x.y")
	histograms := reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Native: &ember.NativeOpts{}, Buckets: []float64{1, 2}}, "i")
	update := func(i int) {
		counters.With(fmt.Sprint(i%2000), "é").IncWithExemplar(ember.Labels{"n": fmt.Sprint(i)})
		histograms.With(fmt.Sprint(i%500)).ObserveWithExemplar(float64(i%5), ember.Labels{"n": fmt.Sprint(i)})
	}
	for i := range 2000 {
		update(i)
	}
	h := ember.HandlerFor(reg, ember.HandlerOpts{MaxInFlight: 16, OpenMetrics2: true})
	server := httptest.NewServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	client := server.Client()

	stop := make(chan struct{})
	var updates, scrapers sync.WaitGroup
	updates.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				update(i)
			}
		}
	})
	whole := map[string]func(body string) bool{
		"text/plain": func(body string) bool {
			return strings.HasSuffix(body, "\n") && strings.Contains(body, "h_count{i=\"99\"} ")
		},
		"application/openmetrics-text":               func(body string) bool { return strings.HasSuffix(body, "\n# EOF\n") },
		"application/openmetrics-text;version=2.0.0": func(body string) bool { return strings.HasSuffix(body, "\n# EOF\n") },
		"application/vnd.google.protobuf;encoding=delimited": func(body string) bool {
			metrics := 0
			for _, f := range decode(t, body) {
				metrics += len(f.GetMetric())
			}
			return metrics == 2500
		},
	}
	for accept, isWhole := range whole {
		for _, encoding := range []string{"identity", "gzip"} {
			scrapers.Go(func() {
				for round := range 6 {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Accept", accept)
					r.Header.Set("Accept-Encoding", encoding)
					response, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					var body []byte
					if round%2 == 0 {
						_, err = io.ReadFull(response.Body, make([]byte, 1000)) // and go away
					} else if encoding == "gzip" {
						body = []byte(gunzip(t, response.Body))
					} else {
						body, err = io.ReadAll(response.Body)
					}
					response.Body.Close()
					if err != nil {
						t.Error(err)
						return
					}
					if round%2 != 0 && !isWhole(string(body)) {
						t.Errorf("%s, %s: incomplete: ... %q", accept, encoding, body[max(0, len(body)-200):])
						return
					}
				}
			})
		}
	}
	scrapers.Wait()
	close(stop)
	updates.Wait()

	// All places among the scrapes in flight are free again.
	require.Eventually(t, func() bool {
		var wg sync.WaitGroup
		var served atomic.Int32
		for range 16 {
			wg.Go(func() {
				if get(t, h, nil).Code == http.StatusOK {
					served.Add(1)
				}
			})
		}
		wg.Wait()
		return served.Load() == 16
	}, 10*time.Second, 10*time.Millisecond)
}
