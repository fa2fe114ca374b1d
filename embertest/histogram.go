// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// HistogramSeries is one series of a histogram at one moment. The zero value is one that
// nothing was observed for.
type HistogramSeries struct {
	Count   uint64
	Sum     float64
	Buckets []metric.Bucket // cumulative, by increasing bound; the last is +Inf. Nil: only native ones
	Native  *metric.Native  // nil: none
}

// Histogram returns the one series of a histogram that has a name, the family's, and these
// labels. It is found, or not, as by Value.
func Histogram(t testing.TB, g ember.Gatherer, name string, labels ...string) HistogramSeries {
	t.Helper()
	q, err := newQuery(name, labels)
	if err != nil {
		t.Fatal(err)
	}
	s, err := expose(g, "histogram", histogramsOf).find(q)
	if err != nil {
		t.Fatal(err)
		return HistogramSeries{}
	}
	h := HistogramSeries{Count: s.point.Count, Sum: s.point.Sum, Native: s.point.Native}
	if h.Native == nil || len(s.point.Buckets) > 0 {
		h.Buckets = withInf(s.point)
	}
	return h
}

func histogramsOf(f *metric.Family) []sample {
	if f.Kind != metric.Histogram && f.Kind != metric.GaugeHistogram {
		return nil
	}
	return wholes(f)
}

// wholes returns a sample for each series of a histogram or summary.
func wholes(f *metric.Family) (all []sample) {
	for i := range f.Points {
		p := &f.Points[i]
		all = append(all, sample{name: f.Name, labels: p.Labels, point: p, shown: fmt.Sprintf("count %d, sum %s", p.Count, number(p.Sum))})
	}
	return all
}

// span is what one bucket holds: what is above low and at most high. The native ones for
// negative numbers hold low and not high, the one around zero holds both.
type span struct {
	low, high float64
	count     uint64
	holdsLow  bool
}

// spans returns the buckets, from low to high: the native ones if there are any.
func (h HistogramSeries) spans() (all []span) {
	n := h.Native
	if n == nil {
		low, count := math.Inf(-1), uint64(0)
		for _, b := range h.Buckets {
			all = append(all, span{low: low, high: b.UpperBound, count: b.Count - count})
			low, count = b.UpperBound, b.Count
		}
		return all
	}
	for i := len(n.Negative) - 1; i >= 0; i-- {
		b := n.Negative[i]
		all = append(all, span{-native.UpperBound(b.Index, n.Schema), -max(n.ZeroThreshold, native.UpperBound(b.Index-1, n.Schema)), b.Count, true})
	}
	if n.ZeroCount > 0 {
		all = append(all, span{-n.ZeroThreshold, n.ZeroThreshold, n.ZeroCount, true})
	}
	for _, b := range n.Positive {
		all = append(all, span{low: max(n.ZeroThreshold, native.UpperBound(b.Index-1, n.Schema)), high: native.UpperBound(b.Index, n.Schema), count: b.Count})
	}
	return all
}

// Within returns how many observations were above low and at most high: at least so many,
// and at most so many. The two are equal if low and high are bounds of buckets, or if the
// buckets that they fall into are empty. Native buckets are used where there are any, being
// finer:
//
//	least, most := h.Within(0.1, 0.2)
//
// With -Inf as low, observations of -Inf count too. Observations that are no number are in
// no native bucket, and so never within anything.
func (h HistogramSeries) Within(low, high float64) (least, most uint64) {
	if !(low < high) {
		return 0, 0
	}
	for _, s := range h.spans() {
		switch {
		case s.high <= high && (s.low > low || s.low == low && !s.holdsLow || math.IsInf(low, -1)):
			least += s.count
			most += s.count
		case s.high > low && (s.low < high || s.low == high && s.holdsLow):
			most += s.count
		}
	}
	return least, most
}

// Quantile estimates below which value the fraction q of the observations lies, as
// histogram_quantile does in Prometheus: it takes the observations of a classic bucket to
// lie evenly between its bounds, and those of a native bucket evenly on a logarithmic
// scale. Native buckets are used where there are any.
//
// It is NaN without observations or bounds, -Inf if q is below 0, +Inf if it is above 1.
func (h HistogramSeries) Quantile(q float64) float64 {
	switch {
	case math.IsNaN(q):
		return math.NaN()
	case q < 0:
		return math.Inf(-1)
	case q > 1:
		return math.Inf(1)
	case h.Count == 0 || h.Native == nil && len(h.Buckets) < 2:
		return math.NaN()
	case h.Native != nil:
		return h.nativeQuantile(q)
	}
	spans := h.spans()
	rank := q * float64(h.Buckets[len(h.Buckets)-1].Count)
	at := 0
	for at < len(spans)-1 && float64(h.Buckets[at].Count) < rank {
		at++
	}
	s := spans[at]
	switch {
	case at == len(spans)-1:
		return s.low
	case at == 0 && s.high <= 0:
		return s.high
	case at == 0:
		s.low = 0
	}
	rank -= float64(h.Buckets[at].Count - s.count)
	return s.low + (s.high-s.low)*(rank/float64(s.count))
}

func (h HistogramSeries) nativeQuantile(q float64) float64 {
	// Prometheus counts from the nearer end, which decides between two buckets if the
	// quantile is at the end of one of them. Observations that are no number are at
	// neither end; the sum tells that there may be any.
	spans, down := h.spans(), q >= 0.5 && !math.IsNaN(h.Sum)
	rank := q * float64(h.Count)
	if down {
		slices.Reverse(spans)
		rank = (1 - q) * float64(h.Count)
	}
	var s span
	var count uint64
	for _, s = range spans {
		count += s.count
		if s.count > 0 && float64(count) >= rank {
			break
		}
	}
	if float64(count) < rank { // the rest are no numbers
		return math.NaN()
	}
	fraction := (rank - float64(count-s.count)) / float64(s.count)
	if down {
		fraction = (float64(count) - rank) / float64(s.count)
	}
	if s.low <= 0 && s.high >= 0 {
		switch n := h.Native; {
		case len(n.Negative) == 0 && len(n.Positive) > 0:
			s.low = 0
		case len(n.Positive) == 0 && len(n.Negative) > 0:
			s.high = 0
		}
		return s.low + (s.high-s.low)*fraction
	}
	low, high := math.Log2(math.Abs(s.low)), math.Log2(math.Abs(s.high))
	if s.low > 0 {
		return math.Exp2(low + (high-low)*fraction)
	}
	return -math.Exp2(high + (low-high)*(1-fraction))
}
