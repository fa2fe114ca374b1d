// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// Fatal of a recorder ends what was called, as that of a test does.
func recorded(f func(t testing.TB)) (r recorder) {
	defer func() {
		if e := recover(); e != nil && e != (ended{}) {
			panic(e)
		}
	}()
	f(&r)
	return r
}

// aShop is what most tests here ask about.
func aShop() *ember.Registry {
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "method", "status")
	requests.With("GET", "200").Add(3)
	requests.With("GET", "404").Inc()
	requests.With("POST", "200").Add(2)
	reg.NewGauge(ember.GaugeOpts{Name: "queue_length"}).Set(-1.5)
	h := reg.NewHistogramVec(ember.HistogramOpts{Name: "rpc_seconds", Buckets: []float64{0.1, 1}}, "route")
	for _, v := range []float64{0.05, 0.5, 5} {
		h.With("/a").Observe(v)
	}
	s := reg.NewSummary(ember.SummaryOpts{Name: "size_bytes", Quantiles: []float64{0.5, 0.99}})
	s.Observe(1024)
	reg.NewSummary(ember.SummaryOpts{Name: "age_seconds"}).Observe(2)
	return reg
}

func TestValue(t *testing.T) {
	reg := aShop()
	reg.NewCounterVec(ember.CounterOpts{Name: "idle_total"}, "a") // no series
	info := ember.NewInfo(ember.InfoOpts{Name: "build_info"}, ember.Labels{"version": "v1"})
	reg.MustRegister(info)
	sparse := gathered{
		family(metric.Gauge, "x"),
		{Name: "x2", Kind: metric.Gauge, Points: []metric.Point{{Value: 1}, {Value: 2, Labels: []metric.Label{{Name: "a", Value: "b"}}}}},
	}
	for name, tc := range map[string]struct {
		g      ember.Gatherer
		metric string
		labels []string
		want   float64
	}{
		"a counter":                  {reg, "http_requests_total", []string{"method", "GET", "status", "404"}, 1},
		"labels in another order":    {reg, "http_requests_total", []string{"status", "404", "method", "GET"}, 1},
		"by what tells it apart":     {reg, "http_requests_total", []string{"status", "404"}, 1},
		"a gauge":                    {reg, "queue_length", nil, -1.5},
		"a histogram's count":        {reg, "rpc_seconds_count", []string{"route", "/a"}, 3},
		"a histogram's sum":          {reg, "rpc_seconds_sum", nil, 5.55},
		"a bucket":                   {reg, "rpc_seconds_bucket", []string{"le", "0.1"}, 1},
		"a bucket, as a number":      {reg, "rpc_seconds_bucket", []string{"le", "1.0"}, 2},
		"the last bucket":            {reg, "rpc_seconds_bucket", []string{"le", "+Inf"}, 3},
		"a summary's quantile":       {reg, "size_bytes", []string{"quantile", "0.50"}, 1024},
		"a summary's count":          {reg, "size_bytes_count", nil, 1},
		"a summary without any":      {reg, "age_seconds_sum", nil, 2},
		"an info":                    {reg, "build_info", []string{"version", "v1"}, 1},
		"without labels at all":      {sparse, "x", nil, 1},
		"one that lacks a label":     {sparse, "x2", []string{"a", ""}, 1},
		"one that others lack":       {sparse, "x2", []string{"a", "b"}, 2},
		"beside what cannot be had":  {partly{gathered{family(metric.Gauge, "x")}}, "x", nil, 1},
		"beside a family of nothing": {gathered{nil, family(metric.Gauge, "x")}, "x", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.InDelta(t, tc.want, embertest.Value(t, tc.g, tc.metric, tc.labels...), 1e-9)
		})
	}
}

// partly is a Gatherer of which a part fails.
type partly struct{ gathered }

func (g partly) Gather() ([]*metric.Family, error) {
	return g.gathered, errors.New("the pool is closed\nfor good")
}

const (
	allNames = "\n\tage_seconds_count\n\tage_seconds_sum\n\thttp_requests_total\n\tqueue_length\n\trpc_seconds_bucket\n\trpc_seconds_count\n\trpc_seconds_sum\n\tsize_bytes\n\tsize_bytes_count\n\tsize_bytes_sum"
	get200   = "\n\thttp_requests_total{method=\"GET\",status=\"200\"} 3"
	get404   = "\n\thttp_requests_total{method=\"GET\",status=\"404\"} 1"
	post200  = "\n\thttp_requests_total{method=\"POST\",status=\"200\"} 2"
	buckets  = "\n\trpc_seconds_bucket{route=\"/a\",le=\"0.1\"} 1\n\trpc_seconds_bucket{route=\"/a\",le=\"1\"} 2\n\trpc_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3"
)

func TestValueFails(t *testing.T) {
	many := &metric.Family{Name: "many", Kind: metric.Gauge}
	for i := range 30 {
		many.Points = append(many.Points, metric.Point{Value: float64(i), Labels: []metric.Label{{Name: "i", Value: fmt.Sprint(i)}, {Name: "odd", Value: fmt.Sprint(i % 2)}}})
	}
	odd := ""
	for i := 1; i < 30; i += 2 {
		odd += fmt.Sprintf("\n\tmany{i=\"%d\",odd=\"1\"} %d", i, i)
	}
	for name, tc := range map[string]struct {
		g      ember.Gatherer
		metric string
		labels []string
		want   string
	}{
		"a letter missing":       {nil, "http_request_total", nil, `nothing exposed is called "http_request_total"; is "http_requests_total" meant? There is:` + allNames},
		"letters swapped":        {nil, "qeueu_length", nil, `nothing exposed is called "qeueu_length"; is "queue_length" meant? There is:` + allNames},
		"in capitals":            {nil, "QUEUE_LENGTH", nil, `nothing exposed is called "QUEUE_LENGTH"; is "queue_length" meant? There is:` + allNames},
		"a suffix missing":       {nil, "http_requests", nil, `nothing exposed is called "http_requests"; is "http_requests_total" meant? There is:` + allNames},
		"a prefix missing":       {nil, "requests_total", nil, `nothing exposed is called "requests_total"; is "http_requests_total" meant? There is:` + allNames},
		"a sample's suffix":      {nil, "rpc_seconds_cuont", nil, `nothing exposed is called "rpc_seconds_cuont"; is "rpc_seconds_count" meant? There is:` + allNames},
		"nothing like it":        {nil, "zebras", nil, `nothing exposed is called "zebras"; there is:` + allNames},
		"nothing exposed":        {gathered{}, "x", nil, `nothing exposed is called "x", nor anything else`},
		"something failed":       {partly{}, "x", nil, `nothing exposed is called "x", nor anything else` + "\nwhat failed to be gathered is not there: the pool is closed; for good"},
		"a histogram as such":    {nil, "rpc_seconds", nil, "rpc_seconds is a histogram; ask for rpc_seconds_count, _sum or _bucket, or use embertest.Histogram"},
		"a summary as such":      {nil, "age_seconds", nil, "age_seconds is a summary without quantiles; ask for age_seconds_sum or age_seconds_count"},
		"a label misspelt":       {nil, "http_requests_total", []string{"stauts", "200"}, `http_requests_total has no label "stauts"; is "status" meant? It has: "method", "status"`},
		"another label":          {nil, "http_requests_total", []string{"path", "/"}, `http_requests_total has no label "path"; it has: "method", "status"`},
		"no labels":              {nil, "queue_length", []string{"path", "/"}, `queue_length has no label "path", and no other`},
		"a label misspelt, \"\"": {nil, "http_requests_total", []string{"stauts", ""}, `http_requests_total has no label "stauts"; is "status" meant? It has: "method", "status"`},
		"a value misspelt":       {nil, "http_requests_total", []string{"status", "20", "method", "get"}, `http_requests_total{status="20",method="get"} is not there; is status="200",method="GET" meant? There is:` + get200 + get404 + post200},
		"another value":          {nil, "http_requests_total", []string{"method", "OPTIONS"}, `http_requests_total{method="OPTIONS"} is not there; there is:` + get200 + get404 + post200},
		"not that combination":   {nil, "http_requests_total", []string{"method", "POST", "status", "404"}, `http_requests_total{method="POST",status="404"} is not there; there is:` + get200 + get404 + post200},
		"another bound":          {nil, "rpc_seconds_bucket", []string{"le", "0.25"}, `rpc_seconds_bucket{le="0.25"} is not there; there is:` + buckets},
		"several":                {nil, "http_requests_total", []string{"status", "200"}, `http_requests_total{status="200"} is not one series but 2; give more labels to tell them apart:` + get200 + post200},
		"several quantiles":      {nil, "size_bytes", nil, "size_bytes is not one series but 2; give more labels to tell them apart:\n\tsize_bytes{quantile=\"0.5\"} 1024\n\tsize_bytes{quantile=\"0.99\"} 1024"},
		"many":                   {gathered{many}, "many", []string{"odd", "1", "i", "2"}, `many{odd="1",i="2"} is not there; there is:` + strings.Replace(odd, "\n\tmany{i=\"1\",odd=\"1\"} 1", "\n\tmany{i=\"1\",odd=\"1\"} 1\n\tmany{i=\"2\",odd=\"0\"} 2", 1) + "\n\tmany{i=\"0\",odd=\"0\"} 0\n\tmany{i=\"4\",odd=\"0\"} 4\n\tmany{i=\"6\",odd=\"0\"} 6\n\tmany{i=\"8\",odd=\"0\"} 8\n\tand 10 more"},
		"half a label":           {nil, "queue_length", []string{"a", "b", "c"}, `queue_length: labels are pairs of a name and a value, and these are 3: "a", "b", "c"`},
		"a label twice":          {nil, "queue_length", []string{"a", "b", "a", "c"}, `queue_length: the label "a" is given twice, as "b" and "c"`},
		"an odd name":            {nil, "a b\n", []string{"a"}, `"a b\n": labels are pairs of a name and a value, and these are 1: "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := tc.g
			if g == nil {
				g = aShop()
			}
			r := recorded(func(t testing.TB) { embertest.Value(t, g, tc.metric, tc.labels...) })
			require.Equal(t, "embertest: "+tc.want, r.fatal)
		})
	}
}

func TestDelta(t *testing.T) {
	reg := aShop()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "method", "status")
	late := func() *ember.Counter { return reg.NewCounter(ember.CounterOpts{Name: "late_total"}) }
	for name, tc := range map[string]struct {
		f      func()
		metric string
		labels []string
		want   float64
	}{
		"a counter":          {func() { requests.With("GET", "200").Add(2) }, "http_requests_total", []string{"method", "GET", "status", "200"}, 2},
		"nothing":            {func() {}, "http_requests_total", []string{"method", "GET", "status", "200"}, 0},
		"a new series":       {func() { requests.With("PUT", "201").Inc() }, "http_requests_total", []string{"status", "201"}, 1},
		"a new metric":       {func() { late().Add(7) }, "late_total", nil, 7},
		"a gauge that falls": {func() { reg.NewGauge(ember.GaugeOpts{Name: "queue_length"}).Sub(2) }, "queue_length", nil, -2},
		"a histogram's count": {func() {
			reg.NewHistogramVec(ember.HistogramOpts{Name: "rpc_seconds", Buckets: []float64{0.1, 1}}, "route").With("/a").Observe(1)
		}, "rpc_seconds_count", nil, 1},
		"a quantile without it": {func() {}, "size_bytes", []string{"quantile", "0.5"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ran := 0
			got := embertest.Delta(t, reg, func() { ran++; tc.f() }, tc.metric, tc.labels...)
			require.InDelta(t, tc.want, got, 1e-9)
			require.Equal(t, 1, ran)
		})
	}
}

func TestDeltaFails(t *testing.T) {
	for name, tc := range map[string]struct {
		g      ember.Gatherer
		f      func(reg *ember.Registry)
		labels []string
		want   string
		ran    bool
	}{
		"still not there":     {labels: []string{"status", "500"}, want: `http_requests_total{status="500"} is not there; is status="200" meant? There is:` + get200 + get404 + post200, ran: true},
		"a label misspelt":    {labels: []string{"stauts", "500"}, want: `http_requests_total has no label "stauts"; is "status" meant? It has: "method", "status"`, ran: true},
		"several before":      {labels: []string{"status", "200"}, want: `http_requests_total{status="200"} is not one series but 2; give more labels to tell them apart:` + get200 + post200},
		"half a label":        {labels: []string{"status"}, want: `http_requests_total: labels are pairs of a name and a value, and these are 1: "status"`},
		"it may be elsewhere": {g: partly{}, want: `nothing exposed is called "http_requests_total", nor anything else` + "\nwhat failed to be gathered is not there: the pool is closed; for good"},
		"several after": {labels: []string{"status", "404"}, ran: true, f: func(reg *ember.Registry) {
			reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "method", "status").With("PUT", "404").Inc()
		}, want: `http_requests_total{status="404"} is not one series but 2; give more labels to tell them apart:` + get404 + "\n\thttp_requests_total{method=\"PUT\",status=\"404\"} 1"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := aShop()
			g := tc.g
			if g == nil {
				g = reg
			}
			ran := false
			r := recorded(func(t testing.TB) {
				embertest.Delta(t, g, func() {
					ran = true
					if tc.f != nil {
						tc.f(reg)
					}
				}, "http_requests_total", tc.labels...)
			})
			require.Equal(t, "embertest: "+tc.want, r.fatal)
			require.Equal(t, tc.ran, ran)
		})
	}
}

// Tests that run at once, with a registry each, see nothing of each other.
func TestParallel(t *testing.T) {
	for i := range 16 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			reg := ember.NewRegistry()
			c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
			for range 100 {
				require.EqualValues(t, i, embertest.Delta(t, reg, func() { c.Add(float64(i)) }, "x_total"))
			}
			require.EqualValues(t, 100*i, embertest.Value(t, reg, "x_total"))
			embertest.Compare(t, reg, fmt.Sprintf("x_total %d", 100*i))
		})
	}
}

// Failures are reported at the line of the test, not at one of this package: that is seen
// in the output of a test that fails.
func TestFailuresAreAtTheCaller(t *testing.T) {
	const variable = "EMBERTEST_FAIL"
	_, _, line, _ := runtime.Caller(0)
	calls := []func(){
		func() { embertest.Value(t, aShop(), "x") },
		func() { embertest.Value(t, aShop(), "x", "a") },
		func() { embertest.Delta(t, aShop(), func() {}, "x") },
		func() { embertest.Delta(t, aShop(), func() {}, "x", "a") },
		func() { embertest.Histogram(t, aShop(), "x") },
		func() { embertest.Histogram(t, aShop(), "x", "a") },
		func() { embertest.Summary(t, aShop(), "x") },
		func() { embertest.Summary(t, aShop(), "x", "a") },
		func() { embertest.Compare(t, aShop(), "x 1", "x") },
	}
	if which := os.Getenv(variable); which != "" {
		calls[which[0]-'0']()
		return
	}
	for i := range calls {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, i))
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), fmt.Sprintf("value_test.go:%d: embertest: ", line+2+i))
	}
}

func TestSummary(t *testing.T) {
	reg := aShop()
	require.Equal(t, embertest.SummarySeries{
		Count: 1, Sum: 1024,
		Quantiles: []metric.Quantile{{Quantile: 0.5, Value: 1024}, {Quantile: 0.99, Value: 1024}},
	}, embertest.Summary(t, reg, "size_bytes"))
	require.Equal(t, embertest.SummarySeries{Count: 1, Sum: 2}, embertest.Summary(t, reg, "age_seconds"))

	for name, tc := range map[string]struct {
		metric string
		labels []string
		want   string
	}{
		"misspelt":       {"size_byte", nil, `no summary is called "size_byte"; is "size_bytes" meant? There is:` + "\n\tage_seconds\n\tsize_bytes"},
		"a sample":       {"age_seconds_sum", nil, `no summary is called "age_seconds_sum"; is "age_seconds" meant? There is:` + "\n\tage_seconds\n\tsize_bytes"},
		"another type":   {"rpc_seconds", nil, "rpc_seconds is a histogram and no summary"},
		"not that label": {"size_bytes", []string{"quantile", "0.5"}, `size_bytes has no label "quantile", and no other`},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(func(t testing.TB) { embertest.Summary(t, reg, tc.metric, tc.labels...) })
			require.Equal(t, "embertest: "+tc.want, r.fatal)
		})
	}
	empty := ember.NewRegistry()
	empty.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{0.5}})
	s := embertest.Summary(t, empty, "x")
	require.True(t, math.IsNaN(s.Quantiles[0].Value))
}
