// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func childrenOf(c *chunk) (children []*Child, chunks int) {
	for ; c != nil; c = c.next {
		children = append(children, c.children...)
		chunks++
	}
	return children, chunks
}

func TestSortChain(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for name, text := range map[string]func(i int) string{
		"increasing": func(i int) string { return fmt.Sprintf("%05d", i) },
		"decreasing": func(i int) string { return fmt.Sprintf("%05d", 99999-i) },
		"random":     func(int) string { return fmt.Sprint(r.IntN(1000)) },
		"sawtooth":   func(i int) string { return fmt.Sprintf("%04d", i%17) },
		"all equal":  func(int) string { return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 7, 64, 65, 128, 1000, 10_000} {
				var l chain
				var want []*Child
				for i := range n {
					c := new(Child)
					c.setText([]byte(text(i)))
					want = append(want, c)
					l.push(c, nil)
				}
				all, before := childrenOf(l.head)
				require.Equal(t, want, all)
				require.Equal(t, (n+chunkSize-1)/chunkSize, before)

				var unused pile
				sorted := sortChain(l.take(), &unused)
				require.Equal(t, chain{}, l)
				got, after := childrenOf(sorted)
				require.Equal(t, before, after)
				for c := sorted; c != nil && c.next != nil; c = c.next {
					require.Len(t, c.children, chunkSize)
				}
				left, more := childrenOf(unused.top)
				require.Empty(t, left)
				require.LessOrEqual(t, more, 2)

				slices.SortStableFunc(want, func(a, b *Child) int { return strings.Compare(a.Text(), b.Text()) })
				require.True(t, slices.Equal(want, got), "sorting is not stable or not right")
			}
		})
	}
}

// A chain moves no more than a chunk to grow, and takes little where it is short.
func TestChainGrowsByChunks(t *testing.T) {
	var l chain
	for i := range 10 * chunkSize {
		l.push(new(Child), nil)
		want := chunkSize
		if i < chunkSize {
			want = min(chunkSize, 2*(i+1))
		}
		require.LessOrEqual(t, cap(l.tail.children), want+want/8, "what is allocated is rounded up")
	}
}

// An unused chunk keeps nothing of what it had.
func TestPileForgets(t *testing.T) {
	var p pile
	c := &chunk{children: []*Child{new(Child), new(Child)}}
	p.push(c)
	require.Same(t, c, p.pop())
	require.Empty(t, c.children)
	require.Equal(t, []*Child{nil, nil}, c.children[:2])
	require.Nil(t, p.pop())
}
