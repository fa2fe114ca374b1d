// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"slices"
)

// DefBuckets are the upper bounds of a histogram without any: 5 ms to 10 s, made
// for the latency of a network service in seconds.
var DefBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// LinearBuckets returns count bounds, the first at start, each width above the
// one before. If count is below 1 or width not positive, the result is nil.
func LinearBuckets(start, width float64, count int) []float64 {
	if count < 1 || !(width > 0) {
		return nil
	}
	bounds := make([]float64, count)
	for i := range bounds {
		bounds[i] = start + float64(i)*width
	}
	return bounds
}

// ExponentialBuckets returns count bounds, the first at start, each factor times
// the one before. If count is below 1, start not positive or factor not above 1,
// the result is nil.
func ExponentialBuckets(start, factor float64, count int) []float64 {
	if count < 1 || !(start > 0) || !(factor > 1) {
		return nil
	}
	bounds := make([]float64, count)
	for i := range bounds {
		bounds[i] = start
		start *= factor
	}
	return bounds
}

// ExponentialBucketsRange returns count bounds from minBound to maxBound, each
// the same multiple of the one before. If count is below 2, minBound not positive
// or maxBound not above it, the result is nil.
func ExponentialBucketsRange(minBound, maxBound float64, count int) []float64 {
	if count < 2 || !(minBound > 0) || !(maxBound > minBound) {
		return nil
	}
	bounds := make([]float64, count)
	for i := range bounds {
		t := float64(i) / float64(count-1)
		bounds[i] = minBound * math.Pow(maxBound/minBound, t)
		if isInf(bounds[i], 1) { // the quotient is too large
			bounds[i] = math.Pow(minBound, 1-t) * math.Pow(maxBound, t)
		}
	}
	bounds[count-1] = maxBound
	return bounds
}

// layout is what all children of a histogram share.
type layout struct {
	*definition
	bounds []float64    // strictly increasing, finite
	le     numberLabels // of each bound and of +Inf
	index  boundIndex
	native *nativeShape // nil if not native
}

// newLayout makes a layout of bounds, or without any.
func newLayout(d *definition, bounds []float64) *layout {
	checked, err := checkBounds(bounds)
	if err != nil {
		d.fail(wrong(&d.Desc, "%w", err))
		checked = DefBuckets // Observe must still work
	}
	bounds = slices.Clone(checked)
	return &layout{definition: d, bounds: bounds, le: boundLabels(bounds), index: newBoundIndex(bounds)}
}

// boundLabels renders the label of each bound, and of +Inf.
func boundLabels(bounds []float64) numberLabels {
	return newNumberLabels("le", append(slices.Clip(bounds), math.Inf(1)))
}

// find returns the index of the bucket that v falls into: the first whose bound
// is not below v, or the last, for +Inf.
func (l *layout) find(v float64) int {
	cell := int(math.Float64bits(v)>>l.index.shift) - l.index.first
	if uint(cell) >= uint(len(l.index.start)) {
		return search(l.bounds, v)
	}
	i := int(l.index.start[cell])
	for i < len(l.bounds) && l.bounds[i] < v {
		i++
	}
	return i
}

// boundIndex says where among the bounds to look for a value, by the leading bits
// of the value: its exponent and some of its mantissa, which divide the positive
// numbers into cells. In all but a few cells one comparison is left to do.
type boundIndex struct {
	shift uint     // how many bits are not leading
	first int      // the cell of the least positive bound
	start []uint16 // for each cell from there to that of the last bound: the first bound not below it
}

// indexCells bounds the size of an index; bounds over a wider range have larger
// cells.
const indexCells = 512

func newBoundIndex(bounds []float64) boundIndex {
	n := len(bounds)
	least := search(bounds, math.SmallestNonzeroFloat64)
	if least == n || n > math.MaxUint16 {
		return boundIndex{}
	}
	x := boundIndex{shift: 48} // 16 cells to a power of two
	cell := func(v float64) int { return int(math.Float64bits(v) >> x.shift) }
	for cell(bounds[n-1])-cell(bounds[least]) >= indexCells {
		x.shift++
	}
	x.first = cell(bounds[least])
	x.start = make([]uint16, cell(bounds[n-1])-x.first+1)
	for i := range x.start {
		x.start[i] = uint16(search(bounds, math.Float64frombits(uint64(x.first+i)<<x.shift)))
	}
	return x
}

// search returns the index of the first bound that is not below v.
func search(bounds []float64, v float64) int {
	low, high := 0, len(bounds)
	for low < high {
		if middle := int(uint(low+high) / 2); bounds[middle] < v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func isInf(v float64, sign int) bool { return math.IsInf(v, sign) }
