// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

// all is a walk as a loop wants it.
func all(m *Map) iter.Seq[*Child] {
	return func(yield func(*Child) bool) {
		w := m.Walk()
		for c := w.Next(); c != nil && yield(c); c = w.Next() {
		}
	}
}

// first puts the children in order and returns the first.
func first(m *Map) *Child {
	w := m.Walk()
	return w.Next()
}

func second(m *Map) *Child {
	w := m.Walk()
	w.Next()
	return w.Next()
}

func deleteFunc(m *Map, match func([]string) bool) int {
	n := 0
	for c := range all(m) {
		if match(m.Values(c)) && m.Delete(c) {
			n++
		}
	}
	return n
}

// walk calls f for each child, and fails unless they come in strict order.
func walk(t *testing.T, m *Map, f func(*Child)) {
	before := ""
	for c := range all(m) {
		if c.Text() <= before {
			t.Errorf("%s comes after %s", c.Text(), before)
			return
		}
		before = c.Text()
		f(c)
	}
}

func walkedTexts(m *Map) []string {
	texts := []string{}
	for c := range all(m) {
		texts = append(texts, c.Text())
	}
	return texts
}

// Several goroutines create, find and delete while several walk. Some children
// were there before and stay, some come and stay, some come and go.
func TestWalkWhileOthersWrite(t *testing.T) {
	const writers, staying, rounds = 6, 500, 600
	m := newMap("kind", "id")
	stays := make(map[*Child]bool)
	for i := range staying {
		c := m.GetOrCreate([]string{"stay\n", fmt.Sprint(i * 7919 % staying)})
		c.Mark(true)
		stays[c] = true
	}

	var created [writers]atomic.Int64 // how many of its own each writer has, at least
	var writing, walking sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 8))
			own, passing := fmt.Sprintf("own%d", w), []string{"passing", ""}
			for i := range rounds {
				m.GetOrCreate([]string{own, fmt.Sprintf("%03d", i*7%rounds)})
				created[w].Add(1)

				// Passing children are common to all, so they race for the same ones.
				passing[1] = fmt.Sprint(r.IntN(50))
				c := m.GetOrCreate(passing)
				if !Item[item](c).ready {
					t.Error("a child is found before it is ready")
				}
				if r.IntN(2) == 0 {
					m.Delete(c)
				}
				if i%200 == 0 {
					deleteFunc(m, func(values []string) bool { return values[0] == "passing" })
				}
				if c := m.Get([]string{"stay\n", fmt.Sprint(r.IntN(staying))}); !stays[c] {
					t.Error("a child that stays was not found")
				}
			}
		})
	}
	for range 3 {
		walking.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				var atLeast, met [writers]int
				for w := range writers {
					atLeast[w] = int(created[w].Load())
				}
				stayed := 0
				walk(t, m, func(c *Child) {
					values := m.Values(c)
					switch {
					case stays[c] && c.Marked():
						stayed++
					case values[0] == "passing":
					default:
						met[values[0][3]-'0']++
					}
				})
				if stayed != staying {
					t.Errorf("%d of %d children that stay were met", stayed, staying)
				}
				for w := range writers {
					if met[w] < atLeast[w] {
						t.Errorf("%d children were met of a writer that had %d before", met[w], atLeast[w])
					}
				}
			}
		})
	}
	writing.Wait()
	close(done)
	walking.Wait()

	deleteFunc(m, func(values []string) bool { return values[0] == "passing" })
	require.Equal(t, staying+writers*rounds, m.Len())
	require.Len(t, walkedTexts(m), m.Len())
	require.Equal(t, m.Len(), remembered(m))
	requireSound(t, m)
}

func TestRacingCreatorsGetOneChild(t *testing.T) {
	m := newMap("a")
	for i := range 200 {
		values := []string{fmt.Sprintf("%d\n", i)}
		var got [8]*Child
		var wg sync.WaitGroup
		for g := range got {
			wg.Go(func() { got[g] = m.GetOrCreate(values) })
		}
		wg.Wait()
		for _, c := range got {
			require.Same(t, got[0], c)
		}

		var deleted atomic.Int64
		for range got {
			wg.Go(func() {
				if m.Delete(got[0]) {
					deleted.Add(1)
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(1), deleted.Load())
		require.Zero(t, m.Len())
	}
}

// A reader that stops in the middle of a long walk, its client being slow, holds
// up nobody, and still meets what was there when it began.
func TestPausedWalkHoldsUpNobody(t *testing.T) {
	n := 200_000
	if raceEnabled {
		n /= 10
	}
	m := newMap("id")
	for i := range n {
		m.GetOrCreate([]string{fmt.Sprintf("%06d", i*2)})
	}

	paused, resume, met := make(chan struct{}), make(chan struct{}), make(chan int)
	go func() {
		i := 0
		walk(t, m, func(c *Child) {
			if m.Values(c)[0][5]%2 == 0 { // '0' is even
				i++
			}
			if i == n/2 {
				paused <- struct{}{}
				<-resume
			}
		})
		met <- i
	}()
	<-paused
	var creators sync.WaitGroup
	for g := range 4 {
		creators.Go(func() {
			for i := g; i < 1000; i += 4 {
				values := []string{fmt.Sprintf("%06d", i*n/500+1)} // odd, all over the range
				c := m.GetOrCreate(values)
				if m.Get(values) != c {
					t.Error("a child just created was not found")
				}
				if i%3 == 0 {
					m.Delete(c)
				}
			}
		})
	}
	creators.Wait()
	// Another reader may put them in order and walk through meanwhile.
	require.Len(t, walkedTexts(m), m.Len())
	close(resume)
	require.Equal(t, n, <-met)
}

// A walk that stalls goes on through what there was when it began.
func TestStalledWalk(t *testing.T) {
	m := newMap("id")
	var children []*Child
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		children = append(children, m.GetOrCreate([]string{id}))
	}
	w := m.Walk()
	require.Same(t, children[0], w.Next())
	require.Same(t, children[1], w.Next())
	m.Delete(children[1])
	m.Delete(children[2])
	first(m)
	m.GetOrCreate([]string{"cc"})
	m.GetOrCreate([]string{"c"})
	m.Delete(children[3])
	first(m)
	require.Same(t, children[4], w.Next())
	require.Nil(t, w.Next())
	require.Nil(t, w.Next(), "after the end")
	require.Equal(t, []string{`id="a"`, `id="c"`, `id="cc"`, `id="e"`}, walkedTexts(m))
}

func TestFirstPutsInOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		create, remove, then []string // remove happens before the first walk
		want                 []string
	}{
		"empty":            {want: []string{}},
		"in order":         {create: []string{"1", "2", "3"}, want: []string{"1", "2", "3"}},
		"reversed":         {create: []string{"3", "2", "1"}, want: []string{"1", "2", "3"}},
		"before, after":    {create: []string{"5"}, then: []string{"9", "1"}, want: []string{"1", "5", "9"}},
		"between":          {create: []string{"1", "9"}, then: []string{"5", "3"}, want: []string{"1", "3", "5", "9"}},
		"pending deleted":  {create: []string{"2", "1", "3"}, remove: []string{"1", "3"}, want: []string{"2"}},
		"all deleted":      {create: []string{"2", "1"}, remove: []string{"1", "2"}, want: []string{}},
		"deleted and back": {create: []string{"1", "2"}, remove: []string{"1"}, then: []string{"1"}, want: []string{"1", "2"}},
		"prefixes":         {create: []string{"ab", "a", "", "b"}, want: []string{"", "a", "ab", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMap("id")
			for _, id := range tc.create {
				m.GetOrCreate([]string{id})
			}
			for _, id := range tc.remove {
				require.True(t, m.Delete(m.Get([]string{id})))
			}
			require.Equal(t, int64(len(tc.remove)), m.removed.Load())
			first(m)
			require.Zero(t, m.removed.Load())
			require.Equal(t, len(tc.create)-len(tc.remove), remembered(m), "the deleted are still in order")
			for _, id := range tc.then {
				m.GetOrCreate([]string{id})
			}
			got := []string{}
			for c := range all(m) {
				got = append(got, m.Values(c)[0])
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// Deleting and creating anew before and after a walk leaves one child of that
// text in order, the new one.
func TestRecreatedChildReplacesItself(t *testing.T) {
	m := newMap("id")
	m.GetOrCreate([]string{"a"})
	m.GetOrCreate([]string{"z"})
	for i := range 20 {
		if i%3 == 0 {
			first(m)
		}
		if c := m.Get([]string{"m"}); c != nil {
			m.Delete(c)
		}
		c := m.GetOrCreate([]string{"m"})
		if i%2 == 0 {
			require.Same(t, c, second(m))
		}
	}
	require.Equal(t, []string{`id="a"`, `id="m"`, `id="z"`}, walkedTexts(m))
	require.Equal(t, 3, remembered(m))
}

// Who keeps a deleted child keeps nothing else, however many were beside it.
func TestDeletedChildHoldsNothing(t *testing.T) {
	const n = 500
	m := newMap("id")
	var kept []*Child
	var others []weak.Pointer[Child]
	old := m.Walk()
	for i := range n {
		c := m.GetOrCreate([]string{fmt.Sprintf("%06d", i)})
		if i%7 == 0 {
			old = m.Walk()
		}
		if i%50 == 0 {
			kept = append(kept, c)
		} else {
			others = append(others, weak.Make(c))
		}
		if i%3 > 0 {
			require.True(t, m.Delete(c))
		}
	}
	deleteFunc(m, func([]string) bool { return true })
	first(m)
	require.Nil(t, old.Next())
	runtime.GC()
	for _, c := range others {
		require.Nil(t, c.Value(), "a deleted child is still there")
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(m)
}
