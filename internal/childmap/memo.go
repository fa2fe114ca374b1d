// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// memo remembers what a label's values were normalized to, so that a user's function is
// called once for a value and not at each lookup. Any goroutine may use it; nobody waits.
//
// It forgets: each value has four places that it may take, and whoever finds them taken
// pushes another one out. So values without end cost no memory, and a few hundred that come
// again and again stay.
type memo struct {
	places atomic.Pointer[[memoPlaces]atomic.Pointer[normalized]] // nil until there is something to remember
}

// normalized is constant.
type normalized struct{ from, to string }

const (
	memoPlaces = 512
	memoWays   = 4   // a power of two
	memoLength = 256 // longer values are not remembered
)

var memoSeed = maphash.MakeSeed()

// ways returns the first place that a value may take, and which of them it takes if none
// is free.
func ways(value string) (first, own uint64) {
	h := maphash.String(memoSeed, value)
	return h % (memoPlaces / memoWays) * memoWays, h >> 32 % memoWays
}

func (m *memo) recall(value string) (to string, ok bool) {
	places := m.places.Load()
	if places == nil || len(value) > memoLength {
		return "", false
	}
	first, _ := ways(value)
	for i := range uint64(memoWays) {
		if n := places[first+i].Load(); n != nil && n.from == value {
			return n.to, true
		}
	}
	return "", false
}

func (m *memo) remember(value, to string) {
	if len(value) > memoLength {
		return
	}
	places := m.places.Load()
	if places == nil {
		m.places.CompareAndSwap(nil, new([memoPlaces]atomic.Pointer[normalized]))
		places = m.places.Load()
	}
	n := &normalized{from: strings.Clone(value), to: strings.Clone(to)}
	first, own := ways(value)
	for i := range uint64(memoWays) {
		if places[first+i].CompareAndSwap(nil, n) {
			return
		}
	}
	places[first+own].Store(n)
}
