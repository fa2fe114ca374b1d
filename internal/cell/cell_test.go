// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math/bits"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Sizes that grow by accident cost every instrument, so each is stated here, for
// both word sizes.
func TestSizes(t *testing.T) {
	for name, tc := range map[string]struct {
		size        uintptr
		want, want4 uintptr // with pointers of 8 and of 4 bytes
	}{
		"Total":       {unsafe.Sizeof(Total{}), 32, 24},
		"TotalWords":  {unsafe.Sizeof(TotalWords{}), 16, 16},
		"totalStripe": {unsafe.Sizeof(totalStripe{}), 128, 128},
		"Block":       {unsafe.Sizeof(Block{}), 24, 12},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if strconv.IntSize == 32 {
				want = tc.want4
			}
			require.Equal(t, want, tc.size)
		})
	}
}

// On 32-bit processors, atomic operations on 8-byte words panic unless the words
// are aligned, which a struct around them does not see to by itself.
func TestAlignment(t *testing.T) {
	type odd struct {
		_     byte
		total Total
		_     [3]byte
		block Block
		_     uint32
		other Total
		_     byte
	}
	for name, o := range map[string]*odd{
		"alone":    new(odd),
		"in array": &new([3]odd)[1],
		"in slice": &make([]odd, 5)[3],
		"in struct": &(&struct {
			_ byte
			odd
			_ [1]byte
		}{}).odd,
	} {
		t.Run(name, func(t *testing.T) {
			o.total.Init(nil)
			o.other.Init(&o.total.own)
			o.block.Init(make([]uint64, 3))
			for range 2 { // before and after they spread
				o.total.Inc()
				o.other.AddWhole(2)
				o.total.Add(0.5)
				_, w := o.block.Acquire(3)
				w[1]++
				o.block.Release(w)

				o.total.spreadOut(o.total.at.Load())
				o.block.spreadOut(3)
			}
			// other's first words are total's, but its stripes its own.
			require.Equal(t, 7.0, o.total.Load())
			require.Equal(t, uint64(2), blockTotals(&o.block, 3)[1])
			require.Zero(t, uintptr(unsafe.Pointer(&o.total.own))%8)
			require.Zero(t, uintptr(unsafe.Pointer(&o.other.own))%8)
		})
	}
}

func TestStripes(t *testing.T) {
	n := Stripes()
	require.Equal(t, 1, bits.OnesCount(uint(n)), "%d is no power of two", n)
	require.GreaterOrEqual(t, n, 8)
	require.LessOrEqual(t, n, maxStripes)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	require.Equal(t, n, Stripes(), "must not follow GOMAXPROCS")
}

func TestPickSpreadsGoroutines(t *testing.T) {
	for _, n := range []uint{8, 16, 128} {
		t.Run(strconv.Itoa(int(n)), func(t *testing.T) {
			goroutines := 16 * int(n)
			picks := picksOf(goroutines, n)
			counts := make([]int, n)
			for _, p := range picks {
				counts[p]++
			}
			met, most := 0, 0
			for _, c := range counts {
				if c > 0 {
					met++
				}
				most = max(most, c)
			}
			// Chance would leave none out, and give none more than about 40.
			require.GreaterOrEqual(t, met, int(n)*9/10, "picks: %v", counts)
			require.LessOrEqual(t, most, 16*5, "picks: %v", counts)
		})
	}
}

// picksOf returns what pick(n) says in each of so many goroutines that all live
// at the same time.
func picksOf(goroutines int, n uint) []uint {
	var p picker
	picks := make([]uint, goroutines)
	var picked, done sync.WaitGroup
	picked.Add(goroutines)
	all := make(chan struct{})
	for i := range picks {
		done.Go(func() {
			picks[i] = p.pick(n)
			picked.Done()
			<-all
		})
	}
	picked.Wait()
	close(all)
	done.Wait()
	return picks
}

func TestPickStaysTheSame(t *testing.T) {
	var p picker
	changes, last := 0, p.pick(maxStripes)
	for range 1000 {
		if i := p.pick(maxStripes); i != last {
			changes, last = changes+1, i
		}
	}
	require.LessOrEqual(t, changes, 10, "a goroutine should mostly stay on its stripe")
}

func TestPickIsInRange(t *testing.T) {
	for n := uint(1); n <= maxStripes; n *= 2 {
		for _, p := range picksOf(200, n) {
			require.Less(t, p, n)
		}
	}
}

// Two goroutines that meet are parted, but a crowd is not shuffled for ever.
func TestMeetingShuffles(t *testing.T) {
	for _, n := range []uint{8, 16, maxStripes} {
		var p picker
		// A goroutine always meets itself, so the picks alone must change.
		picks := map[uint]bool{}
		shuffles, last := 0, p.shuffle.Load()
		for range 10 * maxMeets {
			picks[p.pick(n)] = true
			p.met()
			if s := p.shuffle.Load(); s != last {
				shuffles, last = shuffles+1, s
			}
		}
		require.Equal(t, maxMeets/meetsPerShuffle, shuffles)
		require.Greater(t, len(picks), 4, "of %d", n)
	}
}
