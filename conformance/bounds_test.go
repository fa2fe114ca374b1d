// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"math"
	"testing"

	promhist "github.com/prometheus/prometheus/model/histogram"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

// boundError is by how many units in the last place Prometheus' bounds of native buckets
// may differ from the correctly rounded ones.
const boundError = 4

// The bounds of native buckets are those of Prometheus: exactly at powers of two, and
// elsewhere as far as Prometheus' own are rounded correctly.
func TestNativeBounds(t *testing.T) {
	total, worst := 0, uint64(0)
	for schema := native.MinSchema; schema <= native.MaxSchema; schema++ {
		perOctave := max(1, 1<<max(schema, 0))
		octaves := 1
		if schema < 0 {
			octaves = 1 << -schema
		}
		// From 2^-40 or so to 2^40, one bucket after the other.
		first, last := -40*perOctave/octaves, 40*perOctave/octaves
		counts := make([]int64, last-first+1)
		counts[0] = 1 // and no difference to the next
		h := promhist.Histogram{
			Schema: int32(schema), PositiveBuckets: counts,
			PositiveSpans: []promhist.Span{{Offset: int32(first), Length: uint32(len(counts))}},
		}
		index := first
		for it := h.PositiveBucketIterator(); it.Next(); index++ {
			b := it.At()
			require.Equal(t, index, int(b.Index))
			theirs, ours := math.Float64bits(b.Upper), math.Float64bits(native.UpperBound(index, schema))
			off := max(theirs, ours) - min(theirs, ours)
			if index%perOctave == 0 {
				require.Zero(t, off, "schema %d, bucket %d: a power of two", schema, index)
			}
			require.LessOrEqual(t, off, uint64(boundError), "schema %d, bucket %d", schema, index)
			worst = max(worst, off)
			total++
		}
		require.Equal(t, last+1, index)
	}
	require.Equal(t, uint64(boundError), worst, "of %d bounds", total)
}
