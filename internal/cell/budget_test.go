// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What instruments do all the time must not allocate, spread or not.
func TestAllocations(t *testing.T) {
	var total, wide Total
	total.Init(nil)
	wide.Init(nil)
	wide.spreadOut(wide.at.Load())
	block, wideBlock := newBlock(), newSpreadBlock()
	observe(block, 1)
	observe(wideBlock, 1)
	var seen uint64

	for name, f := range map[string]func(){
		"Total.Inc":              total.Inc,
		"Total.AddWhole":         func() { total.AddWhole(3) },
		"Total.Add":              func() { total.Add(0.5) },
		"Total.Load":             func() { total.Load() },
		"Total.Inc, spread":      wide.Inc,
		"Total.AddWhole, spread": func() { wide.AddWhole(3) },
		"Total.Add, spread":      func() { wide.Add(0.5) },
		"Total.Load, spread":     func() { wide.Load() },
		"Block.Acquire":          func() { observe(block, 1) },
		"Block.Acquire, spread":  func() { observe(wideBlock, 1) },
		"Block.Read": func() {
			block.Read(blockWords, func(_ int, w []uint64) { seen += w[1] })
		},
		"Block.Read, spread": func() {
			wideBlock.Read(blockWords, func(_ int, w []uint64) { seen += w[1] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			// More runs than there are additions between two probes.
			require.Zero(t, testing.AllocsPerRun(3*probeEvery, f))
		})
	}
	require.NotZero(t, seen)
}
