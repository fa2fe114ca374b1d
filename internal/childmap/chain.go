// SPDX-License-Identifier: Apache-2.0

package childmap

// chain is a list of children that no walker has reached yet, linked by their
// next fields in order of creation.
type chain struct {
	head, tail *Child
}

func (l *chain) push(c *Child) {
	if l.tail == nil {
		l.head = c
	} else {
		l.tail.next.Store(c)
	}
	l.tail = c
}

func (l *chain) take() *Child {
	head := l.head
	*l = chain{}
	return head
}

// sortChain sorts a chain by text, in place: a merge sort over the runs that are
// in order already, so children created in order cost one comparison each.
func sortChain(c *Child) *Child {
	var runs [48]*Child // runs[i], if set, is a merger of 2^i runs
	for c != nil {
		run := c
		for n := c.next.Load(); n != nil && c.Text() <= n.Text(); n = c.next.Load() {
			c = n
		}
		rest := c.next.Load()
		c.next.Store(nil)
		i := 0
		for ; runs[i] != nil; i++ {
			run, runs[i] = mergeChains(runs[i], run), nil
		}
		runs[i], c = run, rest
	}
	var sorted *Child
	for _, run := range runs {
		sorted = mergeChains(run, sorted)
	}
	return sorted
}

func mergeChains(a, b *Child) *Child {
	var head, tail *Child
	for a != nil && b != nil {
		least := a
		if b.Text() < a.Text() {
			least, b = b, b.next.Load()
		} else {
			a = a.next.Load()
		}
		if tail == nil {
			head = least
		} else {
			tail.next.Store(least)
		}
		tail = least
	}
	rest := a
	if rest == nil {
		rest = b
	}
	if tail == nil {
		return rest
	}
	tail.next.Store(rest)
	return head
}
