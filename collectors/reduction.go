// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"math"
	"runtime/metrics"

	"github.com/embermetrics/ember/metric"
)

// reduction turns a histogram of runtime/metrics, of a hundred buckets or more,
// into one of a dozen. The runtime never changes a histogram's boundaries, so
// which of its buckets fall together is decided once.
//
// The runtime's buckets include their lower boundary and exclude the upper one.
// Ember's are the other way round, so a bound is the greatest number below the
// runtime's boundary.
type reduction struct {
	bounds []float64 // increasing, finite
	ends   []int     // bucket i holds the runtime's counts before ends[i]
}

// newReduction chooses from boundaries those that are at least a factor of two
// apart, or for seconds a factor of ten and at most one.
func newReduction(boundaries []float64, unit string) *reduction {
	factor, highest := 2.0, math.MaxFloat64
	if unit == "seconds" {
		factor, highest = 10, 1
	}
	r := new(reduction)
	last := math.Inf(-1)
	for i, b := range boundaries {
		switch {
		case math.IsInf(b, -1):
		case math.IsInf(last, -1):
			last = b // where the first bucket starts, not a bound
		case b > highest:
			return r
		case b >= last*factor:
			r.bounds = append(r.bounds, math.Nextafter(b, last))
			r.ends = append(r.ends, i)
			last = b
		}
	}
	return r
}

// point returns h as a point without a bucket for +Inf. Its buckets are appended
// to slab, which is returned grown.
func (r *reduction) point(h *metrics.Float64Histogram, slab []metric.Bucket) (metric.Point, []metric.Bucket) {
	var p metric.Point
	start := len(slab)
	next := 0
	for i, n := range h.Counts {
		if next < len(r.ends) && i == r.ends[next] {
			slab = append(slab, metric.Bucket{UpperBound: r.bounds[next], Count: p.Count})
			next++
		}
		if n != 0 {
			p.Count += n
			p.Sum += float64(n) * middle(h.Buckets[i], h.Buckets[i+1])
		}
	}
	for ; next < len(r.ends); next++ {
		slab = append(slab, metric.Bucket{UpperBound: r.bounds[next], Count: p.Count})
	}
	p.Buckets = slab[start:len(slab):len(slab)]
	return p, slab
}

// middle returns the middle of a bucket, or its finite end if it has only one.
func middle(low, high float64) float64 {
	switch {
	case math.IsInf(low, -1):
		return high
	case math.IsInf(high, 1):
		return low
	}
	return low + (high-low)/2
}
