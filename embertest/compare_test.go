// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// compared returns what Compare says.
func compared(g ember.Gatherer, want string, names ...string) string {
	return recorded(func(t testing.TB) { embertest.Compare(t, g, want, names...) }).fatal
}

const requestsText = `
	# TYPE http_requests_total counter
	http_requests_total{method="GET",status="200"} 3
	http_requests_total{method="GET",status="404"} 1
	http_requests_total{method="POST",status="200"} 2
`

func TestCompareEqual(t *testing.T) {
	var all bytes.Buffer
	require.NoError(t, ember.WriteText(&all, aShop()))
	odd := ember.NewRegistry()
	v := odd.NewGaugeVec(ember.GaugeOpts{Name: "my.gauge", Help: "What it\\is\nfor."}, "a")
	v.With("b \"c\\\nd},e=\"").Set(1e6)
	text := bytes.Buffer{}
	require.NoError(t, ember.WriteText(&text, odd))

	for name, tc := range map[string]struct {
		g     ember.Gatherer
		want  string
		names []string
	}{
		"everything":           {nil, all.String(), nil},
		"a family":             {nil, requestsText, []string{"http_requests_total"}},
		"unordered":            {nil, "http_requests_total{status=\"200\",method=\"POST\"} 2\n\n  http_requests_total{ status = \"404\" , method=\"GET\", } 1.0\nhttp_requests_total{method=\"GET\",status=\"200\"}\t0.3e1\n", []string{"http_requests_total"}},
		"without header":       {nil, "queue_length -1.5", []string{"queue_length"}},
		"with comments":        {nil, "# A comment.\nqueue_length -1.5\n# EOF\n", []string{"queue_length"}},
		"a histogram":          {nil, "rpc_seconds_bucket{route=\"/a\",le=\"1.0\"} 2\nrpc_seconds_bucket{route=\"/a\",le=\"0.10\"} 1\nrpc_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3\nrpc_seconds_count{route=\"/a\"} 3\nrpc_seconds_sum{route=\"/a\"} 5.55", []string{"rpc_seconds"}},
		"two families":         {nil, requestsText + "queue_length -1.5", []string{"queue_length", "http_requests_total"}},
		"nothing of that name": {nil, "", []string{"http_failures_total"}},
		"nothing at all":       {gathered{}, "", nil},
		"NaN":                  {gathered{{Name: "x", Kind: metric.Gauge, Points: []metric.Point{{Value: math.NaN()}}}}, "x NaN", nil},
		"with help":            {odd, text.String(), nil},
		"a name with dots":     {odd, text.String(), []string{"my.gauge"}},
		"a name with a digit":  {gathered{family(metric.Gauge, "2nd.gauge")}, "_nd_gauge 1", []string{"2nd.gauge"}},
		"beside what failed":   {partly{gathered{family(metric.Gauge, "x")}}, "x 1", []string{"x"}},
		"no braces' content":   {gathered{family(metric.Gauge, "x")}, "x{} 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := tc.g
			if g == nil {
				g = aShop()
			}
			require.Empty(t, compared(g, tc.want, tc.names...))
		})
	}
}

func TestCompareDiffers(t *testing.T) {
	const intro = "what is exposed is not what is wanted (- wanted, + exposed):"
	ten := ember.NewRegistry()
	v := ten.NewGaugeVec(ember.GaugeOpts{Name: "x", Help: "Ten."}, "i")
	tenText := ""
	for _, i := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		v.With(i).Set(1)
		value := "1"
		if i == "5" {
			value = "2"
		}
		tenText += "x{i=\"" + i + "\"} " + value + "\n"
	}
	for name, tc := range map[string]struct {
		g     ember.Gatherer
		want  string
		names []string
		text  string
	}{
		"a value": {nil, "http_requests_total{method=\"GET\",status=\"200\"} 4\n# TYPE http_requests_total counter\nhttp_requests_total{method=\"GET\",status=\"404\"} 1\nhttp_requests_total{method=\"POST\",status=\"200\"} 2", []string{"http_requests_total"}, intro + `
	  # TYPE http_requests_total counter
	- http_requests_total{method="GET",status="200"} 4
	+ http_requests_total{method="GET",status="200"} 3
	  http_requests_total{method="GET",status="404"} 1
	  http_requests_total{method="POST",status="200"} 2`},
		"a value among others": {ten, tenText, nil, intro + `
	  …
	  x{i="3"} 1
	  x{i="4"} 1
	- x{i="5"} 2
	+ x{i="5"} 1
	  x{i="6"} 1
	  x{i="7"} 1
	  …`},
		"a series that is not there": {nil, requestsText + "http_requests_total{method=\"GET\",status=\"500\"} 1", []string{"http_requests_total"}, intro + `
	  …
	  http_requests_total{method="GET",status="200"} 3
	  http_requests_total{method="GET",status="404"} 1
	- http_requests_total{method="GET",status="500"} 1
	  http_requests_total{method="POST",status="200"} 2`},
		"a series too many": {nil, "http_requests_total{method=\"GET\",status=\"200\"} 3", []string{"http_requests_total"}, intro + `
	  # TYPE http_requests_total counter
	  http_requests_total{method="GET",status="200"} 3
	+ http_requests_total{method="GET",status="404"} 1
	+ http_requests_total{method="POST",status="200"} 2`},
		"a family that is not there": {nil, "queue_length -1.5\nqueue_lenght 1", []string{"queue_length", "queue_lenght"}, intro + `
	- queue_lenght 1
	  # TYPE queue_length gauge
	  queue_length -1.5
nothing exposed is called "queue_lenght"; is "queue_length" meant?`},
		"a histogram that is not there": {nil, "upload_bytes_count 1", []string{"upload_bytes"}, intro + "\n\t- upload_bytes_count 1"},
		"a family too many":             {gathered{family(metric.Gauge, "x"), family(metric.Gauge, "y")}, "x 1", nil, intro + "\n\t  …\n\t  # TYPE x gauge\n\t  x 1\n\t+ # HELP y Help.\n\t+ # TYPE y gauge\n\t+ y 1"},
		"not nothing":                   {gathered{family(metric.Gauge, "x")}, "", nil, intro + "\n\t+ # HELP x Help.\n\t+ # TYPE x gauge\n\t+ x 1"},
		"another type and help":         {gathered{family(metric.Gauge, "x")}, "# TYPE x counter\n# HELP x Halp.\nx 1", nil, intro + "\n\t- # HELP x Halp.\n\t+ # HELP x Help.\n\t- # TYPE x counter\n\t+ # TYPE x gauge\n\t  x 1"},
		"help that is not there":        {gathered{{Name: "x", Kind: metric.Gauge, Points: []metric.Point{{Value: 1}}}}, "# HELP x Help.\nx 1", nil, intro + "\n\t  # TYPE x gauge\n\t- # HELP x Help.\n\t  x 1"},
		"a time stamp":                  {gathered{family(metric.Gauge, "x")}, "x 1 1234", nil, intro + "\n\t  # HELP x Help.\n\t  # TYPE x gauge\n\t- x 1 1234\n\t+ x 1"},
		"what failed":                   {partly{gathered{family(metric.Gauge, "x")}}, "x 2", nil, intro + "\n\t  # HELP x Help.\n\t  # TYPE x gauge\n\t- x 2\n\t+ x 1\nwhat failed to be gathered is not there: the pool is closed; for good"},
		"everything but what failed":    {partly{gathered{family(metric.Gauge, "x")}}, "x 1", nil, "what is exposed is what is wanted, but may not be everything, for some failed to be gathered: the pool is closed; for good"},
		"nothing, for it failed":        {partly{}, "", []string{"x"}, "what is exposed is what is wanted, but may not be everything, for some failed to be gathered: the pool is closed; for good"},
		"one of two, for it failed":     {partly{gathered{family(metric.Gauge, "x")}}, "", []string{"y"}, "what is exposed is what is wanted, but may not be everything, for some failed to be gathered: the pool is closed; for good"},
		"nothing at all, for it failed": {partly{}, "", nil, "what is exposed is what is wanted, but may not be everything, for some failed to be gathered: the pool is closed; for good"},
		"not among the names":           {nil, requestsText, []string{"queue_length"}, `http_requests_total is wanted, but not among the names to compare: "queue_length"`},
		"a name misspelt":               {nil, requestsText, []string{"http_requests_total", "queue_lenght"}, `"queue_lenght" is to be compared, but neither wanted nor exposed; is "queue_length" meant?`},
		"a name of nothing":             {nil, requestsText, []string{"http_requests_total", "zebras"}, `"zebras" is to be compared, but neither wanted nor exposed`},
		"no value":                      {nil, "x", nil, "what is wanted cannot be read: line 1: there is no value: x"},
		"no value after labels":         {nil, "\nx{a=\"b\"}", nil, "what is wanted cannot be read: line 2: there is no value: x{a=\"b\"}"},
		"no number":                     {nil, "x one", nil, "what is wanted cannot be read: line 1: the value \"one\" is no number: x one"},
		"no name":                       {nil, "{a=\"b\"} 1", nil, "what is wanted cannot be read: line 1: \"\" is no name: {a=\"b\"} 1"},
		"no name of a metric":           {nil, "1x 1", nil, "what is wanted cannot be read: line 1: \"1x\" is no name: 1x 1"},
		"no name in TYPE":               {nil, "# TYPE", nil, "what is wanted cannot be read: line 1: there is no name after TYPE: # TYPE"},
		"no label":                      {nil, "x{b} 1", nil, "what is wanted cannot be read: line 1: there is no label at \"b} 1\": x{b} 1"},
		"no quotes":                     {nil, "x{a=b} 1", nil, "what is wanted cannot be read: line 1: the value of \"a\" is not in quotes: x{a=b} 1"},
		"quotes that do not end":        {nil, `x{a="b\"} 1`, nil, `what is wanted cannot be read: line 1: the value of "a" is not in quotes: x{a="b\"} 1`},
		"a label twice":                 {nil, `x{a="b",a="c"} 1`, nil, `what is wanted cannot be read: line 1: the label "a" is there twice: x{a="b",a="c"} 1`},
		"too much":                      {nil, "x 1 2 3", nil, "what is wanted cannot be read: line 1: \"3\" is too much: x 1 2 3"},
		"a series twice":                {nil, "x{a=\"1\",b=\"2\"} 1\ny 1\nx{b=\"2\",a=\"1\"} 2", nil, "what is wanted cannot be read: lines 1 and 3 are both of x{a=\"1\",b=\"2\"}"},
		"a bound twice":                 {nil, "x_bucket{le=\"1\"} 1\nx_bucket{le=\"1.0\"} 1", nil, "what is wanted cannot be read: lines 1 and 2 are both of x_bucket{le=\"1\"}"},
		"what no format has":            {gathered{family(metric.Gauge, "x", metric.Label{Name: "", Value: "a"})}, "x 1", nil, "what is exposed cannot be written: "},
	} {
		t.Run(name, func(t *testing.T) {
			g := tc.g
			if g == nil {
				g = aShop()
			}
			got := compared(g, tc.want, tc.names...)
			if name == "what no format has" { // and why is another package's
				require.Contains(t, got, "embertest: "+tc.text)
				return
			}
			require.Equal(t, "embertest: "+tc.text, got)
		})
	}
}

// A diff is for people to read: of a thousand lines that differ it shows the first ones.
func TestCompareManyLines(t *testing.T) {
	got := &metric.Family{Name: "x", Kind: metric.Gauge}
	var want, shown strings.Builder
	shown.WriteString("embertest: what is exposed is not what is wanted (- wanted, + exposed):\n\t  # TYPE x gauge")
	for i := range 1000 {
		label := fmt.Sprintf("%03d", i)
		got.Points = append(got.Points, metric.Point{Value: 1, Labels: []metric.Label{{Name: "i", Value: label}}})
		fmt.Fprintf(&want, "x{i=%q} 2\n", label)
		if i < 100 {
			fmt.Fprintf(&shown, "\n\t- x{i=%[1]q} 2\n\t+ x{i=%[1]q} 1", label)
		}
	}
	lines := strings.Split(shown.String(), "\n")
	require.Equal(t, strings.Join(lines[:201], "\n")+"\n\tand 1801 more lines", compared(gathered{got}, want.String()))
}

// Whatever is wanted, Compare says whether it is exposed, and what the registry writes is.
func FuzzCompare(f *testing.F) {
	for _, want := range []string{requestsText, "", "x", "x{a=\"b\"} 1 2", "# HELP x \\n\n# TYPE x gauge", "x{a=\"\\", "x_bucket{le=\"0x1p-2\"} +Inf", "\x00{,,} NaN"} {
		f.Add(want, "http_requests_total")
	}
	reg := aShop()
	f.Fuzz(func(t *testing.T, want, name string) {
		first := compared(reg, want, name)
		require.Equal(t, first, compared(reg, want, name))
		g := gathered{family(metric.Gauge, "x", metric.Label{Name: "a", Value: want})}
		var text bytes.Buffer
		require.NoError(t, ember.WriteText(&text, g))
		require.Empty(t, compared(g, text.String()))
	})
}
