// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// jobs are the ways in which the server is made to scrape: by the header that it
// sends, or by what is left of it. Each is answered in a format of its own.
var jobs = map[string]struct {
	accept      func(sent string) string
	contentType string
}{
	"protobuf": {
		func(sent string) string { return sent },
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores",
	},
	"openmetrics": {
		func(sent string) string { // as it is sent without native histograms
			_, rest, _ := strings.Cut(sent, ",")
			return rest
		},
		"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
	},
	"text": {
		func(sent string) string { return sent[strings.Index(sent, "text/plain"):] },
		"text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
	},
}

// service is what the server scrapes.
type service struct {
	reg      *ember.Registry
	sizes    *ember.Registry // a gauge histogram, which Prometheus 2.42 reads from protobuf as four series of one name
	requests *ember.CounterVec
	seconds  *ember.Histogram
	native   *ember.Histogram

	mu       sync.Mutex
	answered map[string]string // by job: the Content-Type of the last answer
}

func newService() *service {
	s := &service{reg: ember.NewRegistry(), sizes: ember.NewRegistry(), answered: make(map[string]string)}
	s.requests = s.reg.NewCounterVec(ember.CounterOpts{Name: "requests_total", Help: "Requests \"served\"\nand \\ counted."}, "path")
	s.requests.With("/a\"b\\c\n☃").Add(1<<53 - 1)
	s.requests.With("/gone").AddWithExemplar(12.5, ember.Labels{"trace_id": "4bf92f35"})
	s.reg.NewGauge(ember.GaugeOpts{Name: "queue.length", Help: "Waiting."}).Set(-0.25)
	s.reg.NewInfo(ember.InfoOpts{Name: "build_info", Help: "The build."}, ember.Labels{"version": "1.2"})
	s.reg.NewStateSet(ember.StateSetOpts{Name: "breaker"}, "open", "closed").Switch("open")
	s.seconds = s.reg.NewHistogram(ember.HistogramOpts{Name: "request_seconds", Unit: "seconds", Buckets: ember.LinearBuckets(0.01, 0.01, 100)})
	s.native = s.reg.NewHistogram(ember.HistogramOpts{Name: "native_seconds", Unit: "seconds", Native: &ember.NativeOpts{}})
	for i := range 1000 {
		v := float64(i+1) / 1000 // the quantile q is q
		s.seconds.Observe(v)
		s.native.Observe(v)
	}
	s.seconds.ObserveWithExemplar(0.5, ember.Labels{"trace_id": "00f067aa"})
	summary := s.reg.NewSummary(ember.SummaryOpts{Name: "size_bytes", Quantiles: []float64{0.5}})
	summary.Observe(100)
	started := time.Now().Add(-time.Minute)
	s.reg.MustRegister(&outsider{[]*metric.Family{
		{Name: "elsewhere", Kind: metric.Gauge, Points: []metric.Point{{Value: 7, Time: started}}},
	}})
	s.sizes.MustRegister(&outsider{[]*metric.Family{
		{Name: "sizes", Kind: metric.GaugeHistogram, Points: []metric.Point{{Count: 3, Sum: 6, Buckets: []metric.Bucket{{UpperBound: 1, Count: 1}}}}},
	}})
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	job := strings.TrimPrefix(r.URL.Path, "/")
	r.Header.Set("Accept", jobs[job].accept(r.Header.Get("Accept")))
	served := ember.Gatherers{s.reg}
	if job != "protobuf" {
		served = append(served, s.sizes)
	}
	ember.HandlerFor(served, ember.HandlerOpts{}).ServeHTTP(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered[job] = w.Header().Get("Content-Type")
}

// A real server, scraping live in all formats that it knows, gets what is there.
func TestPrometheusServer(t *testing.T) {
	service := newService()
	target := httptest.NewServer(service)
	t.Cleanup(target.Close)
	names := []string{"protobuf", "openmetrics", "text"}
	s := startServer(t, strings.TrimPrefix(target.URL, "http://"), names...)
	t.Cleanup(target.CloseClientConnections) // the server's end first
	s.scrape()

	for _, job := range names {
		t.Run(job, func(t *testing.T) {
			s := &server{t: t, url: s.url, jobs: s.jobs, done: s.done}
			in := fmt.Sprintf("{job=%q}", job)

			service.mu.Lock()
			require.Equal(t, jobs[job].contentType, service.answered[job])
			service.mu.Unlock()
			require.Equal(t, 1.0, s.value("up"+in))

			require.Equal(t, 12.5, s.value(`requests_total{path="/gone",job="`+job+`"}`))
			require.Equal(t, float64(1<<53-1), s.value(`requests_total{path="/a\"b\\c\n☃",job="`+job+`"}`))
			require.Equal(t, -0.25, s.value("queue_length"+in))
			require.Equal(t, 7.0, s.value(`last_over_time(elsewhere`+in+`[5m])`))
			require.Equal(t, 1.0, s.value(`build_info{version="1.2",job="`+job+`"}`))
			require.Equal(t, 1.0, s.value(`breaker{breaker="open",job="`+job+`"}`))
			require.Equal(t, 0.0, s.value(`breaker{breaker="closed",job="`+job+`"}`))
			require.Equal(t, 1.0, s.value(`size_bytes_count`+in))
			require.InEpsilon(t, 100.0, s.value(`size_bytes`+in), 0.02)
			if job != "protobuf" {
				require.Equal(t, 3.0, s.value(`sizes_bucket{le="+Inf",job="`+job+`"}`))
			}

			for _, q := range []float64{0.1, 0.5, 0.99} {
				require.InDelta(t, q, s.value(fmt.Sprintf("histogram_quantile(%g, request_seconds_bucket%s)", q, in)), 0.01)
			}
			require.Equal(t, 1001.0, s.value("request_seconds_count"+in))
			if job == "protobuf" {
				require.Equal(t, 1000.0, s.value("histogram_count(native_seconds"+in+")"))
				require.InEpsilon(t, 500.5, s.value("histogram_sum(native_seconds"+in+")"), 1e-9)
				for _, q := range []float64{0.1, 0.5, 0.99} {
					// A bucket is at most as wide as a tenth of its bound.
					require.InEpsilon(t, q, s.value(fmt.Sprintf("histogram_quantile(%g, native_seconds%s)", q, in)), 0.1)
				}
			} else {
				require.Equal(t, 1000.0, s.value("native_seconds_count"+in))
				require.Equal(t, 1000.0, s.value(`native_seconds_bucket{le="+Inf",job="`+job+`"}`))
			}

			s.requireMetadata(job)
			s.requireExemplars(job)
		})
	}

	t.Run("what is gone is gone at the next scrape", func(t *testing.T) {
		s := &server{t: t, url: s.url, jobs: s.jobs, done: s.done}
		require.Len(t, s.query(`requests_total{path="/gone"}`), 3)
		require.True(t, service.requests.Delete("/gone"))
		s.scrape()
		require.Empty(t, s.query(`requests_total{path="/gone"}`))
		require.Len(t, s.query(`requests_total`), 3, "the others are still there")
	})
	s.requireHealthy()
}

// requireMetadata checks what the server knows of the families of a job. What the
// formats and the server's version do not have is empty.
func (s *server) requireMetadata(job string) {
	s.t.Helper()
	type metadata struct{ Metric, Type, Help, Unit string }
	var got []metadata
	s.get("targets/metadata", url.Values{"match_target": {fmt.Sprintf("{job=%q}", job)}}, &got)
	known := make(map[string]metadata)
	for _, m := range got {
		known[m.Metric] = m
	}
	requests, unit := "requests_total", ""
	info, states, sizes := "gauge", "gauge", "histogram"
	build := "build_info"
	if job == "openmetrics" {
		requests, unit = "requests", "seconds"
		build, info, states, sizes = "build", "info", "stateset", "gaugehistogram"
	}
	list := []metadata{
		{requests, "counter", "Requests \"served\"\nand \\ counted.", ""},
		{"queue_length", "gauge", "Waiting.", ""},
		{build, info, "The build.", ""},
		{"breaker", states, "", ""},
		{"request_seconds", "histogram", "", unit},
		{"native_seconds", "histogram", "", unit},
		{"size_bytes", "summary", "", ""},
	}
	if job != "protobuf" {
		list = append(list, metadata{"sizes", sizes, "", ""})
	}
	for _, want := range list {
		require.Equal(s.t, want, known[want.Metric])
	}
}

// requireExemplars checks the exemplars of a job.
func (s *server) requireExemplars(job string) {
	s.t.Helper()
	now := time.Now()
	var got []struct {
		SeriesLabels map[string]string
		Exemplars    []struct {
			Labels    map[string]string
			Value     string
			Timestamp float64
		}
	}
	s.get("query_exemplars", url.Values{
		"query": {fmt.Sprintf("{job=%q}", job)},
		"start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)},
		"end":   {strconv.FormatInt(now.Add(time.Hour).Unix(), 10)},
	}, &got)
	var all []string
	for _, series := range got {
		for _, e := range series.Exemplars {
			require.InDelta(s.t, float64(now.Unix()), e.Timestamp, 60)
			all = append(all, fmt.Sprintf("%s le=%q: trace %s at %s", series.SeriesLabels["__name__"], series.SeriesLabels["le"], e.Labels["trace_id"], e.Value))
		}
	}
	slices.Sort(all)
	var want []string
	if job != "text" {
		want = []string{`request_seconds_bucket le="0.5": trace 00f067aa at 0.5`, `requests_total le="": trace 4bf92f35 at 12.5`}
	}
	require.Equal(s.t, want, all)
}
