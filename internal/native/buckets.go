// SPDX-License-Identifier: Apache-2.0

// Package native counts values in the exponential buckets of Prometheus's native
// histograms.
//
// Buckets are not laid out beforehand: there is one wherever values occur, and all are
// as wide in proportion, from 0.27 % at schema 8 to a factor of 65536 at schema -4.
// Indices are the ones that Prometheus uses. The bounds of a schema are bounds of
// all finer ones, so Buckets of any schemas add up, to the coarsest of them, and too
// many buckets are made fewer without losing an observation.
//
// Memory goes by the range of the values: 144 bytes for each 16 buckets in a row
// that occur. Finding a bucket takes a table and a comparison, no logarithm.
//
// Buckets may be moved to words that other processes read. Observations cost the same
// there; what changes the scale, Merge and Reset copy everything.
//
// Package native knows nothing of names, labels or formats. Its types are for one
// goroutine at a time.
package native

import "math"

// Scale says where the bounds of buckets are.
type Scale struct {
	Schema        int     // from MinSchema to MaxSchema
	ZeroThreshold float64 // values up to this far from zero go to the zero bucket; not negative
}

// Buckets are counts of values: the zero bucket, and the exponential ones on both
// sides of it. No bucket that is not empty ends within the zero bucket.
//
// The zero Buckets are empty, with the zero Scale, on the heap. See MoveTo for those that
// other processes read. They must not be copied once used.
type Buckets struct {
	scale Scale
	place *place // of the counts; nil: on the heap

	// Zero counts the values no further from zero than the threshold.
	Zero uint64
	// Positive and Negative are the values above and below that, by the Index of
	// their distance from zero.
	Positive, Negative Counts
}

// New returns empty Buckets. See Reset.
func New(s Scale) *Buckets {
	b := new(Buckets)
	b.Reset(s)
	return b
}

// Reset empties b and sets its scale, of which what is out of range is clipped.
// Memory is kept unless it is much.
//
//go:noinline
func (b *Buckets) Reset(s Scale) {
	p := b.place
	b.place = nil
	b.scale = Scale{min(max(s.Schema, MinSchema), MaxSchema), max(s.ZeroThreshold, 0)}
	b.Zero = 0
	b.Positive.reset()
	b.Negative.reset()
	if p != nil {
		b.settle(p)
	}
}

// Scale returns the scale, which is as set or coarser.
func (b *Buckets) Scale() Scale { return b.scale }

// Populated returns how many exponential buckets are not empty.
func (b *Buckets) Populated() int { return b.Positive.Len() + b.Negative.Len() }

// Observe counts v, which must not be NaN, and reports whether Populated grew.
func (b *Buckets) Observe(v float64) (fresh bool) {
	threshold := b.scale.ZeroThreshold
	c := &b.Positive
	if !(v > threshold) {
		if !(v < -threshold) {
			b.Zero++
			if b.place != nil {
				*b.place.zero = b.Zero
			}
			return false
		}
		c, v = &b.Negative, -v
	}
	return c.add(cellOf(v)>>coarser(b.scale.Schema), 1, b)
}

// Rescale makes the buckets coarser: those that end within the new threshold move
// to the zero bucket, and the rest is brought to the new schema. What would be finer
// than it is stays.
func (b *Buckets) Rescale(to Scale) {
	if to.ZeroThreshold <= b.scale.ZeroThreshold && max(to.Schema, MinSchema) >= b.scale.Schema {
		return
	}
	p := b.lift()
	if to.ZeroThreshold > b.scale.ZeroThreshold {
		b.scale.ZeroThreshold = to.ZeroThreshold
		b.zeroUpTo(lastWithin(to.ZeroThreshold, b.scale.Schema))
	}
	if schema := max(to.Schema, MinSchema); schema < b.scale.Schema {
		shift := uint(b.scale.Schema - schema)
		b.Positive.coarsen(shift)
		b.Negative.coarsen(shift)
		b.scale.Schema = schema
	}
	if p != nil {
		b.settle(p)
	}
}

// zeroUpTo moves all cells up to one to the zero bucket.
func (b *Buckets) zeroUpTo(cell int) {
	b.Zero += b.Positive.takeUpTo(cell) + b.Negative.takeUpTo(cell)
}

// lastWithin returns the last cell whose upper bound is no more than a threshold.
func lastWithin(threshold float64, schema int) int {
	if threshold <= 0 {
		return math.MinInt
	}
	index := Index(threshold, schema)
	if UpperBound(index, schema) > threshold {
		index--
	}
	return index - 1
}

// Merge adds the counts of o, which stays as it is. In each dimension b ends at the
// coarser of both scales, as if all had been rescaled to it before.
func (b *Buckets) Merge(o *Buckets) {
	if o.Zero == 0 && o.Populated() == 0 {
		b.Rescale(o.scale)
		return
	}
	p := b.lift()
	b.Rescale(o.scale)
	shift := uint(o.scale.Schema - b.scale.Schema)
	upTo := lastWithin(b.scale.ZeroThreshold, o.scale.Schema)
	b.Zero += o.Zero
	b.Zero += b.Positive.merge(&o.Positive, shift, upTo)
	b.Zero += b.Negative.merge(&o.Negative, shift, upTo)
	if p != nil {
		b.settle(p)
	}
}

// Fit rescales b until no more than budget exponential buckets are populated, and
// reports whether it had to. First the zero bucket is widened to swallow the ones next
// to it, while its threshold stays within maxZeroThreshold; then the schema is
// lowered, and at MinSchema what is left may be over the budget. A budget of 0 or
// less is none.
func (b *Buckets) Fit(budget int, maxZeroThreshold float64) (changed bool) {
	if budget <= 0 || b.Populated() <= budget {
		return false
	}
	p := b.lift()
	changed = b.fit(budget, maxZeroThreshold)
	if p != nil {
		b.settle(p)
	}
	return changed
}

func (b *Buckets) fit(budget int, maxZeroThreshold float64) (changed bool) {
	for b.Populated() > budget {
		cell := b.first()
		bound := UpperBound(cell+1, b.scale.Schema)
		switch {
		case bound <= maxZeroThreshold:
			b.scale.ZeroThreshold = max(b.scale.ZeroThreshold, bound)
			b.zeroUpTo(cell)
		case b.scale.Schema > MinSchema:
			b.Rescale(Scale{Schema: b.scale.Schema - 1})
		default:
			return changed
		}
		changed = true
	}
	return changed
}

// first returns the cell closest to zero that is not empty. There must be one.
func (b *Buckets) first() int {
	cell := math.MaxInt
	for _, c := range []*Counts{&b.Positive, &b.Negative} {
		if first, ok := c.first(); ok {
			cell = min(cell, first)
		}
	}
	return cell
}
