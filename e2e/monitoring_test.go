// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/emberhttp"
	"github.com/embermetrics/ember/metric"
	"github.com/embermetrics/ember/multiproc"
)

// monitored are registries that are scraped, each as a job. Of the first two, one has
// classic buckets and the other native ones; what goes wrong does so when they are told to.
// "processes" is one of many processes. In "old" and "old_processes" it all has gone wrong
// before anybody looks.
type monitored struct {
	registries map[string]*ember.Registry
	wrong      []func() // lets it go wrong in those that are not old
	bad        atomic.Bool
}

// newMonitored serves HTTP and sends itself requests, until the test ends.
func newMonitored(t *testing.T) *monitored {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // much here is wrong on purpose
	t.Cleanup(func() { slog.SetDefault(before) })

	m := &monitored{registries: make(map[string]*ember.Registry)}
	for _, job := range []string{"classic", "native"} {
		reg := ember.NewRegistry(ember.WithSeriesMetric())
		reg.Register(collectors.NewProcess(collectors.ProcessOpts{}))
		var native *ember.NativeOpts
		if job == "native" {
			native = &ember.NativeOpts{}
		}
		m.registries[job] = reg
		m.wrong = append(m.wrong, m.prepare(t, reg, &m.bad))
		converse(t, reg, native)
	}
	m.registries["old"] = ember.NewRegistry()
	var bad atomic.Bool
	bad.Store(true)
	m.prepare(t, m.registries["old"], &bad)()

	var wrong, wrongBefore func()
	m.registries["processes"], wrong = manyProcesses(t)
	m.registries["old_processes"], wrongBefore = manyProcesses(t)
	m.wrong = append(m.wrong, wrong)
	wrongBefore()
	for job, reg := range m.registries {
		_, err := reg.Gather()
		require.Equal(t, job == "old", err != nil, "%s: %v", job, err)
	}
	bad.Store(false) // has failed
	return m
}

// goWrong lets go wrong what can.
func (m *monitored) goWrong() {
	m.bad.Store(true)
	for _, f := range m.wrong {
		f()
	}
}

// prepare returns what lets go wrong in a registry what does so in one process. A
// collector fails while bad says so.
func (m *monitored) prepare(t *testing.T, reg *ember.Registry, bad *atomic.Bool) func() {
	latency := reg.NewHistogram(ember.HistogramOpts{Name: "job_duration_seconds", Buckets: []float64{1}})
	logins := reg.NewCounterVec(ember.CounterOpts{Name: "logins_total", MaxSeries: 1}, "user")
	views := reg.NewCounterVec(ember.CounterOpts{Name: "views_total", LabelBudgets: map[string]int{"page": 1}}, "page")
	jobs := reg.NewCounter(ember.CounterOpts{Name: "jobs_total"})
	require.NoError(t, reg.Register(queue{bad}))
	return func() {
		latency.Observe(math.NaN())
		for _, v := range []string{"a", "b", "c"} {
			logins.With(v).Inc()
			views.With(v).Inc()
		}
		jobs.IncWithExemplar(ember.Labels{"trace_id": strings.Repeat("0", 200)})
	}
}

// queue is a collector that fails while it is told to.
type queue struct{ bad *atomic.Bool }

func (q queue) Collect(_ context.Context, out *metric.Sink) error {
	if q.bad.Load() {
		return errors.New("the queue does not answer")
	}
	out.Gauge("queue_length", "", 1)
	return nil
}

// manyProcesses returns a registry that is one with others, and what lets go wrong what
// can with those.
func manyProcesses(t *testing.T) (*ember.Registry, func()) {
	path := filepath.Join(t.TempDir(), "dir")
	quiet := multiproc.WithLogger(slog.New(slog.DiscardHandler))
	open := func(boundary float64) *ember.Registry {
		dir, err := multiproc.Open(path, quiet)
		require.NoError(t, err)
		t.Cleanup(func() { dir.Close() })
		reg := ember.NewRegistry(ember.WithMultiproc(dir), ember.WithLogger(slog.New(slog.DiscardHandler)))
		reg.NewHistogram(ember.HistogramOpts{Name: "job_duration_seconds", Buckets: []float64{boundary}}).Observe(1)
		return reg
	}
	return open(1), func() {
		open(2)
		require.NoError(t, os.WriteFile(filepath.Join(path, "foreign.ember"), []byte("not a file of Ember's, but as long as one might be"), 0o600))
	}
}

// converse sends an HTTP server requests with a client, both of which are measured, until
// the test ends.
func converse(t *testing.T, reg *ember.Registry, native *ember.NativeOpts) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s!\n", r.PathValue("id"))
	})
	mux.HandleFunc("POST /upload", func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/users/1", http.StatusFound) })
	mux.HandleFunc("GET /fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	for route, response := range map[string]string{
		"GET /switch": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n",
		"GET /broken": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(conn, response)
				conn.Close()
			}
		})
	}
	server := httptest.NewServer(emberhttp.Middleware(reg, emberhttp.Options{Native: native})(mux))
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close() // nobody listens there
	base := &http.Transport{}
	client := &http.Client{Transport: emberhttp.Transport(reg, emberhttp.TransportOptions{Native: native}, base)}
	gone, cancel := context.WithCancel(context.Background())
	cancel()

	ctx, stop := context.WithCancel(context.Background())
	send := func(ctx context.Context, method, url, body string) {
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		if resp, err := client.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	var talk sync.WaitGroup
	talk.Go(func() {
		for ctx.Err() == nil {
			send(ctx, "POST", server.URL+"/upload", strings.Repeat("x", 2000))
			for _, path := range []string{"/users/1", "/users/2", "/moved", "/fail", "/missing", "/switch", "/broken"} {
				send(ctx, "GET", server.URL+path, "")
			}
			send(ctx, "GET", closed.URL, "")
			send(gone, "GET", server.URL, "")
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() {
		stop()
		talk.Wait()
		base.CloseIdleConnections()
		server.Close()
	})
}

// labels returns the metrics that there are, by the names that they have in Prometheus,
// and the labels of each. It has up, which is Prometheus' own.
func (m *monitored) labels(t *testing.T) map[string]map[string]bool {
	all := make(map[string]map[string]bool)
	add := func(name string, labels []metric.Label, more ...string) {
		if all[name] == nil {
			all[name] = map[string]bool{"job": true, "instance": true}
		}
		for _, l := range labels {
			all[name][l.Name] = true
		}
		for _, l := range more {
			all[name][l] = true
		}
	}
	add("up", nil)
	for _, reg := range m.registries {
		families, _ := reg.Gather() // a collector may fail
		for _, f := range families {
			for _, p := range f.Points {
				if f.Kind != metric.Histogram {
					add(f.Name, p.Labels)
					continue
				}
				add(f.Name+"_sum", p.Labels)
				add(f.Name+"_count", p.Labels)
				add(f.Name+"_bucket", p.Labels, "le")
				if p.Native != nil {
					add(f.Name, p.Labels)
				}
			}
		}
	}
	return all
}

// watch starts a Prometheus server with rules, which scrapes what is monitored every second.
func (m *monitored) watch(t *testing.T, rules string) *server {
	t.Helper()
	setting, args := nativeHistograms(t)
	mux := http.NewServeMux()
	var jobs strings.Builder
	target := httptest.NewServer(mux)
	t.Cleanup(target.Close)
	for _, job := range slices.Sorted(maps.Keys(m.registries)) {
		mux.Handle("GET /"+job, ember.HandlerFor(m.registries[job], ember.HandlerOpts{}))
		fmt.Fprintf(&jobs, "- {job_name: %s, metrics_path: /%s, static_configs: [{targets: [%q]}]}\n", job, job, target.Listener.Addr())
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(`
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
  `+setting+`
rule_files: [rules.yml]
scrape_configs:
`+jobs.String()), 0o600))
	return startPrometheus(t, dir, append(args, "--config.file=prometheus.yml")...)
}

// What is in monitoring works with a real server: alerts fire, rules record, and each query
// of the dashboard has an answer.
func TestMonitoring(t *testing.T) {
	m := newMonitored(t)
	text := readText(t, "monitoring", "ember.rules.yml")
	for _, r := range []struct{ from, to string }{ // what would take too long
		{"[15m:30s]", "[60s:1s]"}, {"< 900", "< 60"}, {"[10m]", "[60s]"}, {"for: 15m", "for: 2s"}, {"[5m]", "[30s]"},
	} {
		require.Contains(t, text, r.from)
		text = strings.ReplaceAll(text, r.from, r.to)
	}
	s := m.watch(t, text)
	s.untilQuery(t, "count_over_time(up[10m]) >= 3 and up == 1", func(up []sample) bool { return len(up) == len(m.registries) })
	m.goWrong()

	t.Run("alerts", func(t *testing.T) { testAlerts(t, s) })
	t.Run("recording rules", func(t *testing.T) {
		for _, r := range readRules(t) {
			if r.Record != "" {
				s.untilQuery(t, r.Record, finite)
			}
		}
	})
	t.Run("dashboard", func(t *testing.T) { testDashboard(t, s) })
	// All of this time.
	require.Empty(t, s.query(t, `count_over_time(ALERTS{job=~"old.*"}[10m])`))
	s.untilQuery(t, `count by (job) ({__name__=~"ember_.+_total", job=~"old.*"} > 0)`, func(old []sample) bool { return len(old) == 2 })
}

// testAlerts wants each alert to fire, and to say something.
func testAlerts(t *testing.T, s *server) {
	want := make(map[string]bool) // by what alert and in which job
	for _, r := range readRules(t) {
		switch {
		case strings.HasPrefix(r.Alert, "EmberMultiproc"):
			want[r.Alert+" processes"] = true
		case r.Alert != "":
			want[r.Alert+" classic"] = true
			want[r.Alert+" native"] = true
		}
	}
	require.Len(t, want, 10)
	s.untilQuery(t, `count_over_time(ALERTS{alertstate="firing"}[10m])`, func(samples []sample) bool {
		got := make(map[string]bool)
		for _, f := range samples {
			got[f.labels["alertname"]+" "+f.labels["job"]] = true
		}
		return maps.Equal(want, got)
	})
	var data struct {
		Alerts []struct{ Labels, Annotations map[string]string }
	}
	s.get(t, "alerts", nil, &data)
	require.GreaterOrEqual(t, len(data.Alerts), len(want))
	summaries := make(map[string]bool)
	for _, a := range data.Alerts {
		for name, text := range a.Annotations {
			require.NotContains(t, text, "no value", "%v: %s", a.Labels, name)
			require.NotContains(t, text, "error expanding", "%v: %s", a.Labels, name)
		}
		require.NotEmpty(t, a.Annotations["description"])
		require.Contains(t, a.Annotations["summary"], a.Labels["instance"])
		require.False(t, summaries[a.Annotations["summary"]], "%s", a.Annotations["summary"])
		summaries[a.Annotations["summary"]] = a.Labels["alertname"] != "EmberMultiprocIncomplete"
	}
}
