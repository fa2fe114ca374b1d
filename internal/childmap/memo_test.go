// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalizeIsCalledOncePerValue(t *testing.T) {
	var calls atomic.Int64
	m := New(NewSyntax([]string{"a", "b"}), func(*int) {})
	m.SetPolicy(Policy{Labels: []LabelPolicy{{Normalize: func(s string) string {
		calls.Add(1)
		return strings.ToLower(s)
	}}, {}}})
	const values = 4 // so few have a place each, wherever they hash to
	for range 3 {
		for i := range values {
			raw := "GET" + strconv.Itoa(i)
			for b := range 3 {
				c := m.GetOrCreate([]string{raw, strconv.Itoa(b)})
				require.Equal(t, []string{strings.ToLower(raw), strconv.Itoa(b)}, m.Values(c))
				require.Same(t, c, m.Get([]string{raw, strconv.Itoa(b)}))
			}
			require.Equal(t, strings.ToLower(raw), m.Normal(0, raw))
		}
	}
	require.EqualValues(t, values, calls.Load())
	require.True(t, m.Delete(m.Get([]string{"GET0", "0"})))
	require.Nil(t, m.Get([]string{"GET0", "0"}))
	require.EqualValues(t, values, calls.Load(), "deleting takes what is known")

	values2 := []string{"GET1", "1"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.GetOrCreate(values2)
		m.Get(values2)
	}), "lookups of values that are not normal")
}

func TestMemo(t *testing.T) {
	var m memo
	_, ok := m.recall("x")
	require.False(t, ok)

	long := strings.Repeat("x", memoLength)
	m.remember(long+"x", "y")
	require.Nil(t, m.places.Load(), "too long")
	m.remember(long, "y")
	to, ok := m.recall(long)
	require.True(t, ok)
	require.Equal(t, "y", to)

	// What one value took, only later ones take from it.
	for i := range 20 * memoPlaces {
		v := strconv.Itoa(i)
		m.remember(v, v+"!")
		if to, ok := m.recall(v); !ok || to != v+"!" {
			t.Fatalf("%q became %q, %v", v, to, ok)
		}
	}
	kept := 0
	for i := range 20 * memoPlaces {
		if to, ok := m.recall(strconv.Itoa(i)); ok {
			if to != strconv.Itoa(i)+"!" {
				t.Fatalf("%d became %q", i, to)
			}
			kept++
		}
	}
	require.LessOrEqual(t, kept, memoPlaces)
	require.Greater(t, kept, memoPlaces*9/10, "places stay empty")
}

func TestMemoConcurrently(t *testing.T) {
	var m memo
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20_000 {
				v := strconv.Itoa(rand.IntN(2 * memoPlaces))
				if to, ok := m.recall(v); !ok {
					m.remember(v, v+"!")
				} else if to != v+"!" {
					t.Errorf("%q became %q", v, to)
				}
			}
		})
	}
	wg.Wait()
}

// Values without end must not cost memory without end.
func TestMemoIsBounded(t *testing.T) {
	var m memo
	m.remember("x", "y")
	pad := strings.Repeat("x", memoLength-10)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			m.remember(pad+strconv.Itoa(i), pad)
		}
	}
	add(0, 10*memoPlaces)
	before := heap()
	add(10*memoPlaces, 60*memoPlaces)
	require.Less(t, int64(heap())-int64(before), int64(128<<10))
	runtime.KeepAlive(&m)
}

func heap() uint64 {
	var s runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
