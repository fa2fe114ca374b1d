// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireSoundOrder checks that an order is one, and takes little memory.
func requireSoundOrder(t *testing.T, o order) {
	t.Helper()
	var children, slots int
	for i, c := range o {
		if len(c.children) == 0 || len(c.children) > chunkSize || c.next != nil {
			t.Fatalf("chunk %d has %d children, and next %p", i, len(c.children), c.next)
		}
		if i > 0 && (len(o[i-1].children)+len(c.children) <= chunkSize || o[i-1].last() > c.first()) {
			t.Fatalf("chunks %d and %d have %d and %d children, or are not in order", i-1, i, len(o[i-1].children), len(c.children))
		}
		if !slices.IsSortedFunc(c.children, func(a, b *Child) int { return strings.Compare(a.Text(), b.Text()) }) {
			t.Fatalf("chunk %d is not in order", i)
		}
		for _, kept := range c.children[len(c.children):cap(c.children)] {
			if kept != nil {
				t.Fatalf("chunk %d keeps what it does not have", i)
			}
		}
		children += len(c.children)
		slots += cap(c.children)
	}
	// Chunks of two that hold 65 together are the worst.
	require.LessOrEqual(t, slots, 2*children+chunkSize)
	require.LessOrEqual(t, len(o), 2*children/chunkSize+1)
}

// stalled is a walk that goes on some time, and what it is to meet then.
type stalled struct {
	walk Walk
	rest []*Child
}

func (s *stalled) step(t *testing.T, n int) {
	for range n {
		for len(s.rest) > 0 && s.rest[0].Deleted() {
			s.rest = s.rest[1:]
		}
		c := s.walk.Next()
		if len(s.rest) == 0 {
			require.Nil(t, c)
			return
		}
		require.Same(t, s.rest[0], c)
		s.rest = s.rest[1:]
	}
}

// Children come and go in many ways, while walks start, stall and go on.
func TestOrderAgainstModel(t *testing.T) {
	const most = 3000
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 11))
		m := newMap("id")
		there := make(map[int]*Child)
		var walks []*stalled
		create := func(i int) {
			if there[i] == nil {
				there[i] = m.GetOrCreate([]string{fmt.Sprintf("%04d", i)})
			}
		}
		remove := func(i int) {
			if c := there[i]; c != nil {
				require.True(t, m.Delete(c))
				delete(there, i)
			}
		}
		steps := 400
		if raceEnabled {
			steps /= 10
		}
		for range steps {
			change := create
			if r.IntN(2) == 0 {
				change = remove
			}
			switch from, n := r.IntN(most), 1+r.IntN(1+r.IntN(400)); r.IntN(4) {
			case 0: // one
				change(from)
			case 1: // anywhere
				for range n {
					change(r.IntN(most))
				}
			case 2: // in a row
				for i := from; i < min(from+n, most); i++ {
					change(i)
				}
			case 3: // at the end
				for i := max(0, most-n); i < most; i++ {
					change(i)
				}
			}
			if r.IntN(3) > 0 {
				s := &stalled{walk: m.Walk()}
				for _, i := range slices.Sorted(maps.Keys(there)) {
					s.rest = append(s.rest, there[i])
				}
				require.Equal(t, len(there), remembered(m))
				requireSoundOrder(t, m.order)
				walks = append(walks, s)
			}
			for _, s := range walks {
				s.step(t, r.IntN(100))
			}
			if len(walks) > 10 {
				i := r.IntN(len(walks))
				walks[i].step(t, most+1)
				walks = slices.Delete(walks, i, i+1)
			}
		}
	}
}

// One new or deleted child changes one chunk, or two where there is no room.
func TestOrderKeepsWhatDoesNotChange(t *testing.T) {
	m := newMap("id")
	for i := range 10_000 {
		m.GetOrCreate([]string{fmt.Sprint(i * 7919 % 10007)})
	}
	first(m)
	for name, change := range map[string]func(){
		"created":              func() { m.GetOrCreate([]string{"5000x"}) },
		"created as the last":  func() { m.GetOrCreate([]string{"x"}) },
		"created as the first": func() { m.GetOrCreate([]string{""}) },
		"deleted":              func() { m.Delete(m.Get([]string{"4000"})) },
	} {
		t.Run(name, func(t *testing.T) {
			before := make(map[*chunk]bool)
			for _, c := range m.order {
				before[c] = true
			}
			change()
			first(m)
			requireSoundOrder(t, m.order)
			changed := 0
			for _, c := range m.order {
				if !before[c] {
					changed++
				}
			}
			require.Positive(t, changed)
			require.LessOrEqual(t, changed, 2)
		})
	}
}

// What chunks take for each child, filled at once and after many changes.
func TestMemoryPerChild(t *testing.T) {
	const n = 20_000
	r := rand.New(rand.NewPCG(12, 13))
	m := newMap("id")
	words := func() float64 {
		requireSoundOrder(t, m.order)
		words := cap(m.order)
		for _, c := range m.order {
			words += 4 + cap(c.children)
		}
		return float64(words) / float64(m.Len())
	}
	for _, i := range r.Perm(n) {
		m.GetOrCreate([]string{fmt.Sprint(i)})
	}
	first(m)
	require.Less(t, words(), 1.1)

	children := make([]*Child, 0, n)
	for c := range all(m) {
		children = append(children, c)
	}
	for i := range 10 * n {
		at := r.IntN(n)
		m.Delete(children[at])
		children[at] = m.GetOrCreate([]string{fmt.Sprint(r.IntN(n), "/", i)})
		if i%100 == 0 {
			first(m)
		}
	}
	first(m)
	t.Logf("%.2f words for each child after many changes", words())
	require.Less(t, words(), 2.2)
}
