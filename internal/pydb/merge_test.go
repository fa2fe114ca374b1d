// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
	"github.com/embermetrics/ember/metric"
)

// TestMerge covers what the client_python that is installed does not write or cannot
// read.
func TestMerge(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	type files map[string][]rec
	bucketOf := func(name, le string, v float64, labels ...string) rec {
		return sample(name, name+"_bucket", v, append(labels, "le", le)...)
	}
	for name, tc := range map[string]struct {
		files    files
		want     []string
		problems []string
	}{
		"most recent": {files{
			"gauge_mostrecent_1.db":     {gauge("g", 1).at(100), gauge("h", 1).at(7)},
			"gauge_mostrecent_2.db":     {gauge("g", 2).at(300), gauge("h", 2).at(6)},
			"gauge_livemostrecent_3.db": {gauge("g", 3).at(200), gauge("h", 3).at(7), gauge("unset", 0)},
		}, []string{`g{} 2`, `h{} 3`}, nil},
		"pid": {files{
			"gauge_all_worker_1.db":  {gauge("g", 1, "pid", "mine", "a", "b")},
			"gauge_all_host-a-12.db": {gauge("g", 2, "a", "b")},
			"gauge_max_1.db":         {gauge("max", 1, "pid", "x"), gauge("max", 3, "pid", "y")},
		}, []string{`g{a="b",pid="host-a-12"} 2`, `g{a="b",pid="worker_1"} 1`, `max{} 3`}, nil},
		"not a number": {files{
			"gauge_min_1.db": {gauge("a", nan), gauge("b", 1), gauge("c", nan)},
			"gauge_min_2.db": {gauge("a", 1), gauge("b", nan), gauge("c", nan)},
			"gauge_max_1.db": {gauge("d", nan), gauge("e", 1)},
			"gauge_max_2.db": {gauge("d", 1), gauge("e", nan)},
			"gauge_sum_1.db": {gauge("f", nan), gauge("g", inf)},
			"gauge_sum_2.db": {gauge("f", 1), gauge("g", -inf)},
		}, []string{`a{} 1`, `b{} 1`, `c{} NaN`, `d{} 1`, `e{} 1`, `f{} NaN`, `g{} NaN`}, nil},
		"impossible": {
			files{
				"counter_1.db":   {counter("a_total", -1), counter("b_total", 1), counter("c_total", nan), counter("d_total", inf), counter("e_total", 4, "l", "\"")},
				"counter_2.db":   {counter("a_total", 5), counter("e_total", -4, "l", "\"", "k", ""), counter("e_total", 4)},
				"summary_1.db":   {sample("s", "s_count", 1.5), sample("s", "s_sum", 1), sample("t", "t_count", 2), sample("t", "t_sum", nan)},
				"histogram_1.db": {sample("h", "h_sum", -1), bucketOf("h", "+Inf", -1), bucketOf("i", "+Inf", 1e300), sample("j", "j_sum", -3), bucketOf("j", "+Inf", 1)},
			},
			[]string{`b_total{} 1`, `d_total{} +Inf`, `e_total{} 4`, `j_bucket{le="+Inf"} 1`, `j_count{} 1`, `j_sum{} -3`, `t_count{} 2`, `t_sum{} NaN`},
			[]string{
				`counter_1.db: value: a_total is -1, which a counter cannot be (+1)`,
				`counter_2.db: value: e_total{l="\""} is -4, which a counter cannot be`,
				`histogram_1.db: value: h is -1, which a count cannot be (+1)`,
				`summary_1.db: value: s is 1.5, which a count cannot be`,
			},
		},
		"spellings of a bound": {files{
			"histogram_1.db": {bucketOf("h", "1.0", 1), bucketOf("h", "1e+06", 2), bucketOf("h", "+Inf", 3)},
			"histogram_2.db": {bucketOf("h", "1", 10), bucketOf("h", "1000000", 20), bucketOf("h", "inf", 30)},
		}, []string{`h_bucket{le="1"} 11`, `h_bucket{le="1e+06"} 33`, `h_bucket{le="+Inf"} 66`, `h_count{} 66`, `h_sum{} 0`}, nil},
		"two layouts": {
			files{
				"histogram_1.db": {sample("h", "h_sum", 1), bucketOf("h", "0.1", 1), bucketOf("h", "1.0", 2), bucketOf("h", "+Inf", 3)},
				"histogram_2.db": {sample("h", "h_sum", 2), bucketOf("h", "0.5", 10), bucketOf("h", "1.0", 20), bucketOf("h", "+Inf", 30)},
			},
			[]string{`h_bucket{le="0.1"} 1`, `h_bucket{le="0.5"} 11`, `h_bucket{le="1"} 33`, `h_bucket{le="+Inf"} 66`, `h_count{} 66`, `h_sum{} 3`},
			[]string{
				"histogram_1.db: conflict: h has a bucket up to 0.1, which other files lack: it counts too few",
				"histogram_2.db: conflict: h has a bucket up to 0.5, which other files lack: it counts too few",
			},
		},
		"killed while it made buckets": {files{
			"histogram_1.db": {sample("h", "h_sum", 1), bucketOf("h", "0.1", 1), bucketOf("h", "1.0", 2), bucketOf("h", "+Inf", 3), sample("k", "k_sum", 0)},
			"histogram_2.db": {sample("h", "h_sum", 0), bucketOf("h", "0.1", 0)},
			"histogram_3.db": {sample("i", "i_sum", 0), bucketOf("i", "0.1", 0)},
		}, []string{`h_bucket{le="0.1"} 1`, `h_bucket{le="1"} 3`, `h_bucket{le="+Inf"} 6`, `h_count{} 6`, `h_sum{} 1`, `i_bucket{le="0.1"} 0`, `i_count{} 0`, `i_sum{} 0`}, nil},
		"count of a histogram": {files{
			"histogram_1.db": {bucketOf("h", "+Inf", 3), sample("h", "h_count", 7)},
		}, []string{`h_bucket{le="+Inf"} 3`, `h_count{} 3`, `h_sum{} 0`}, nil},
		"no bounds": {
			files{"histogram_1.db": {bucketOf("h", "+Inf", 3), bucketOf("i", "NaN", 1), bucketOf("j", "-Inf", 1), bucketOf("j", "x", 1), sample("k", "k_bucket", 1)}},
			[]string{`h_bucket{le="+Inf"} 3`, `h_count{} 3`, `h_sum{} 0`},
			[]string{`histogram_1.db: corrupt: record at 72: the key "[\"i\",\"i_bucket\",{\"le\":\"NaN\"},\"Help of i.\"]" has no bound that a bucket can have (+3)`},
		},
		"quantiles": {
			files{"summary_1.db": {sample("s", "s_count", 3), sample("s", "s", 1, "quantile", "0.5")}},
			[]string{`s_count{} 3`, `s_sum{} 0`},
			[]string{"summary_1.db: corrupt: record at 64: the key \"[\\\"s\\\",\\\"s\\\",{\\\"quantile\\\":\\\"0.5\\\"},\\\"Help of s.\\\"]\" is of no sample of a summary"},
		},
		"one name, two types": {
			files{
				"counter_1.db":   {counter("x", 1)},
				"gauge_all_1.db": {gauge("x", 2), gauge("h_sum", 1)},
				"histogram_1.db": {bucketOf("h", "+Inf", 3)},
			},
			[]string{`h_bucket{le="+Inf"} 3`, `h_count{} 3`, `h_sum{} 0`, `x{} 1`},
			[]string{`gauge_all_1.db: conflict: gauge "h_sum" has samples called "h_sum", as has histogram "h" in DIR/histogram_1.db (+1)`},
		},
		"labels without a value": {files{
			"counter_1.db": {counter("x_total", 1, "a", "", "b", "c")},
			"counter_2.db": {counter("x_total", 2, "b", "c")},
		}, []string{`x_total{a="",b="c"} 3`}, nil},
		"older keys": {files{
			"counter_1.db": {{key: `["x", "x_total", {"l": "v"}]`, value: 1}, {key: `["x","x_total",["l"],["v"]]`, value: 2}, {key: "[ \"x\" ,\t\"x_total\",\n{ \"l\" :\r\"v\" } , null ]", value: 4}},
		}, []string{`x_total{l="v"} 7`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, recs := range tc.files {
				put(t, dir, name, recs...)
			}
			d := pydb.New(dir)
			for range 2 {
				series, problems := read(t, d)
				require.Equal(t, tc.want, series)
				for i := range problems {
					problems[i] = strings.ReplaceAll(problems[i], dir, "DIR")
				}
				require.ElementsMatch(t, tc.problems, problems)
			}
		})
	}
}

// TestChangedMode has one gauge in two modes: the file that was written last decides.
func TestChangedMode(t *testing.T) {
	dir := t.TempDir()
	old := put(t, dir, "gauge_max_1.db", gauge("g", 7), gauge("only_old", 1))
	now := put(t, dir, "gauge_livesum_2.db", gauge("g", 2))
	put(t, dir, "gauge_livesum_3.db", gauge("g", 3))
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(old, past, past))
	d := pydb.New(dir)
	series, problems := read(t, d)
	require.Equal(t, []string{`g{} 5`, `only_old{} 1`}, series)
	require.Equal(t, []string{`gauge_max_1.db: conflict: gauge "g" has the mode max here, but sum in ` + now + `, which was written later`}, problems)

	future := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(old, future, future))
	series, problems = read(t, d)
	require.Equal(t, []string{`g{} 7`, `only_old{} 1`}, series)
	require.Equal(t, []string{`gauge_livesum_2.db: conflict: gauge "g" has the mode sum here, but max in ` + old + `, which was written later`}, problems)

	require.NoError(t, os.Remove(old))
	series, problems = read(t, d)
	require.Equal(t, []string{`g{} 5`}, series)
	require.Empty(t, problems)
}

// TestLayouts has files of both layouts beside each other, with few records and many.
func TestLayouts(t *testing.T) {
	for _, n := range []int{1, 2, 3, 200} {
		dir := t.TempDir()
		var recs []rec
		for i := range n {
			// Times whose bytes could be taken for a record, were it one that fits.
			recs = append(recs, counter("x_total", 1, "l", string(rune('a'+i))).at(float64(i)*1e9))
		}
		write(t, dir, "counter_old.db", content(false, recs...))
		write(t, dir, "counter_new.db", content(true, recs...))
		families, problems, err := pydb.New(dir).Read(t.Context())
		require.NoError(t, err)
		require.Empty(t, problems)
		require.Len(t, families, 1)
		require.Len(t, families[0].Points, n)
		for _, p := range families[0].Points {
			require.EqualValues(t, 2, p.Value)
		}
	}
}

// TestMixedBuckets adds observations to histograms of different layouts: what is merged
// is always a histogram, never goes back, and is right wherever all layouts have a bound.
func TestMixedBuckets(t *testing.T) {
	layouts := [][]float64{{0.1, 1, 5}, {0.5, 1, 2, 5}, {1, 5}, {0.1, 0.5, 1, 2, 5, 7}}
	counts := make([][]float64, len(layouts))
	for i, l := range layouts {
		counts[i] = make([]float64, len(l)+1)
	}
	dir := t.TempDir()
	d := pydb.New(dir)
	truth := map[float64]uint64{1: 0, 5: 0, math.Inf(1): 0}
	last := map[float64]uint64{}
	for step := range 200 {
		v := float64(step*7919%83) / 10
		i := step * 31 % len(layouts)
		b := 0
		for b < len(layouts[i]) && v > layouts[i][b] {
			b++
		}
		counts[i][b]++
		for bound := range truth {
			if v <= bound {
				truth[bound]++
			}
		}
		for i, l := range layouts {
			recs := []rec{sample("h", "h_sum", 0)}
			for b, n := range counts[i] {
				le := "+Inf"
				if b < len(l) {
					le = strconv.FormatFloat(l[b], 'g', -1, 64)
				}
				recs = append(recs, sample("h", "h_bucket", n, "le", le))
			}
			put(t, dir, "histogram_"+string(rune('1'+i))+".db", recs...)
		}
		families, _, err := d.Read(t.Context())
		require.NoError(t, err)
		p := families[0].Points[0]
		require.Equal(t, metric.Histogram, families[0].Kind)
		require.EqualValues(t, step+1, p.Count)
		require.Len(t, p.Buckets, 7)
		for i, b := range p.Buckets {
			if i > 0 {
				require.Greater(t, b.UpperBound, p.Buckets[i-1].UpperBound)
				require.GreaterOrEqual(t, b.Count, p.Buckets[i-1].Count)
			}
			require.GreaterOrEqual(t, b.Count, last[b.UpperBound])
			last[b.UpperBound] = b.Count
			if n, ok := truth[b.UpperBound]; ok {
				require.Equal(t, n, b.Count, "%g", b.UpperBound)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "counter_1.db", content(true, rec{key: `["x", "x_total", {}]`}))
	write(t, dir, "counter_2.db", content(true, rec{key: `["x", "x_total", {}, "\u00dcber \"alles\"\n"]`}))
	families, _, err := pydb.New(dir).Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Über \"alles\"\n", families[0].Help)
	require.Equal(t, "x_total", families[0].Name)
	require.Equal(t, metric.Counter, families[0].Kind)
}
