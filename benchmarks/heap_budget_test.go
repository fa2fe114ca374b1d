// SPDX-License-Identifier: Apache-2.0

//go:build !race

package benchmarks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// mostPerCounter is what Ember promises for a counter with three labels.
const mostPerCounter = 260

func TestHeapPerSeries(t *testing.T) {
	for _, c := range heapCases {
		for _, l := range c.libraries {
			bytes := c.perSeries(l)
			t.Logf("%-13s %-16s %8.0f B/series", c.name, l, bytes)
			if c.name == "counter" && l == emberLib {
				require.LessOrEqual(t, bytes, float64(mostPerCounter))
			}
		}
	}
}
