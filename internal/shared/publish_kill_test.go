// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

// A process that publishes is killed after each store: what it leaves has all of what was
// published before, and no more than what was about to be.
func TestKilledPublishing(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	publish := func(schema, first, n int, count uint64) {
		p := metric.Point{Native: &metric.Native{Schema: schema, ZeroThreshold: 1e-9, ZeroCount: count}, Count: count, Sum: float64(count)}
		for i := range n {
			p.Native.Positive = append(p.Native.Positive, metric.NativeBucket{Index: first + i, Count: count})
			p.Count += count
		}
		p.Buckets = []metric.Bucket{{UpperBound: 1, Count: count}}
		d.Publish([]*metric.Family{{Name: "h", Kind: metric.Histogram, Points: []metric.Point{p}}})
	}
	totals := func(path string) (count, native uint64) {
		families := gather(t, openReader(t, path, Options{}))
		if len(families) == 0 {
			return 0, 0
		}
		p := families[0].Points[0]
		native = p.Native.ZeroCount
		for _, b := range p.Native.Positive {
			native += b.Count
		}
		return p.Count, native
	}
	defer func() { words.Watch = nil }()
	stores := 0
	before := uint64(0)
	// Buckets come before others, so that these go to other pages, and the scale changes.
	for _, round := range []struct {
		schema, first, n int
		count            uint64
	}{{3, 100, 40, 3}, {3, 60, 80, 4}, {3, 20, 120, 5}, {3, 20, 120, 6}, {2, 10, 60, 13}, {0, 3, 20, 40}, {0, 1, 200, 40}} {
		after := uint64(round.n+1) * round.count
		words.Watch = func() {
			stores++
			if stores%3 > 0 && before > 0 && round.n > 60 {
				return // it takes long enough
			}
			count, native := totals(copyDir(t, path))
			if count < before || count > after || native != count {
				t.Fatalf("after %d stores there are %d, %d in native buckets, of %d before and %d afterwards", stores, count, native, before, after)
			}
		}
		publish(round.schema, round.first, round.n, round.count)
		words.Watch = nil
		count, native := totals(path)
		require.Equal(t, after, count)
		require.Equal(t, after, native)
		before = after
	}
	t.Logf("%d stores", stores)
	require.Greater(t, stores, 500)
}
