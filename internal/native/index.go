// SPDX-License-Identifier: Apache-2.0

package native

import (
	"math"
	"math/bits"
)

// The schemas that there are, from the coarsest to the finest. At schema s each
// bucket's upper bound is that of the one before times 2^(2^-s). Index and UpperBound
// take no other.
const (
	MinSchema = -4
	MaxSchema = 8
)

const (
	mantissaBits = 52
	bias         = 1023 // of the exponent
	infinite     = 0x7ff << mantissaBits

	// Each bound at a schema is one at the next finer schema too, so all indices
	// are found at the finest and shifted.
	octaveBits = MaxSchema
	perOctave  = 1 << octaveBits

	slotBits = octaveBits + 1 // so narrow that a slot has one bound at most

	maxIndex = (bias + 1) * perOctave             // of MaxFloat64
	minIndex = -(bias + mantissaBits) * perOctave // its bound is 2^-1075, which rounds to 0
)

//go:generate go run gen.go

// SchemaOf returns the coarsest schema that still gives each bucket an upper bound
// at most factor times that of the one before, as far as there is one: MaxSchema for
// factors that are too small for that.
func SchemaOf(factor float64) int {
	for s := MinSchema; s < MaxSchema; s++ {
		if UpperBound(1, s) <= factor {
			return s
		}
	}
	return MaxSchema
}

// Index returns which bucket holds v, which must be above 0. Bucket i is for
// values above UpperBound(i-1, schema) up to and including UpperBound(i, schema). +Inf
// has the bucket after that of the greatest finite value.
func Index(v float64, schema int) int { return cellOf(v)>>coarser(schema) + 1 }

// coarser returns by how many bits the cells of MaxSchema are shifted. The mask
// spares the check for wide shifts.
func coarser(schema int) uint { return uint(MaxSchema-schema) & 31 }

// cellOf returns Index(v, MaxSchema) - 1. From there to other schemas is a plain
// shift, where indices would have to be rounded up.
func cellOf(v float64) int {
	const leastNormal = 1 << mantissaBits
	u := math.Float64bits(v)
	if u-leastNormal < infinite-leastNormal {
		return normalCell(u)
	}
	if u == infinite {
		return maxIndex
	}
	// Subnormal: normalise, then take the factor out again.
	return normalCell(math.Float64bits(v*(1<<mantissaBits))) - mantissaBits*perOctave
}

// normalCell is cellOf for the bits of a normal number.
func normalCell(u uint64) int {
	// Bounds are inclusive, so look for the number just below. Ones follow its
	// mantissa: this is above a bound if its mantissa is at least the bound's.
	below := u<<(64-mantissaBits) - 1
	j := starts[below>>(64-slotBits)]
	_, above := bits.Sub64(bounds[j], below, 0)
	return int((u-1)>>mantissaBits)<<octaveBits + int(j) + int(above) - bias<<octaveBits
}

// UpperBound returns the greatest value that a bucket holds, correctly rounded. It is
// +Inf for the bucket of +Inf, and MaxFloat64 for the one before whatever its bound.
func UpperBound(index, schema int) float64 {
	shift := coarser(schema)
	switch {
	case index > maxIndex>>shift:
		return math.Inf(1)
	case index == maxIndex>>shift:
		return math.MaxFloat64
	case index <= minIndex>>shift:
		return 0
	}
	index <<= shift
	exponent, j := index>>octaveBits, index&(perOctave-1)
	if exponent > -bias {
		u := uint64(exponent+bias) << mantissaBits
		if j > 0 {
			u |= bounds[j-1] >> (64 - mantissaBits)
		}
		return math.Float64frombits(u)
	}
	// Subnormal: the full precision is needed to round once only.
	const half = 1 << (64 - mantissaBits - 1) // as added to bounds
	m := uint64(1) << 63
	if j > 0 {
		m |= (bounds[j-1] - half) >> 1
	}
	// Bit 63 stands for 2^exponent; the least subnormal is bit 0 of the result.
	m >>= uint(63 - (exponent + bias - 1 + mantissaBits) - 1)
	return math.Float64frombits((m + 1) >> 1)
}
