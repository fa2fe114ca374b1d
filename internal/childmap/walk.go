// SPDX-License-Identifier: Apache-2.0

package childmap

// Walk goes through a map's children in order of their text. Each child that
// exists during the whole walk is met once; those created or deleted meanwhile may
// or may not be. It stalls nobody. A Walk is for one goroutine, which must call
// End.
//
//	w := m.Walk()
//	defer w.End()
//	for c := w.Next(); c != nil; c = w.Next() {
type Walk struct {
	m     *Map
	next  *Child
	epoch uint
}

// Walk starts a walk. What was created since the last one is sorted and merged
// in, in place, and what was deleted is unlinked, so that a walk of an unchanged
// map costs nothing but the walk.
func (m *Map) Walk() Walk { return m.Target().walk() }

func (m *Map) walk() Walk {
	m.orderMu.Lock()
	defer m.orderMu.Unlock()

	m.mu.Lock()
	pending := m.pending.take()
	m.mu.Unlock()
	removed := m.removed.Load()
	if pending != nil || removed > 0 {
		m.merge(sortChain(pending))
		m.removed.Add(-removed)
	}
	return Walk{m, m.first.Load(), m.walks.enter()}
}

// Next returns the next child, or nil after the last.
func (w *Walk) Next() *Child {
	c := alive(w.next)
	if c != nil {
		w.next = c.next.Load()
	}
	return c
}

// End ends the walk. Without it the map keeps what is deleted from now on.
func (w *Walk) End() {
	w.m.orderMu.Lock()
	defer w.m.orderMu.Unlock()
	w.next = nil
	w.m.walks.leave(w.epoch)
}

// merge links the sorted chain c into the order and unlinks what was deleted.
// Walkers may be anywhere meanwhile: a node is complete before it is linked, and
// an unlinked one still leads back into the list while there are walkers that may
// stand on it.
func (m *Map) merge(c *Child) {
	at := &m.first // the link that leads to old
	old := at.Load()
	for old != nil || c != nil {
		switch {
		case old != nil && old.Deleted():
			m.walks.retire(old)
			old = old.next.Load()
			at.Store(old)
		case c == nil || old != nil && old.Text() <= c.Text():
			at, old = &old.next, old.next.Load()
		case c.Deleted(): // before it ever was in order
			rest := c.next.Load()
			c.next.Store(nil)
			c = rest
		default:
			rest := c.next.Load()
			c.next.Store(old)
			at.Store(c)
			at, c = &c.next, rest
		}
	}
}

// epochs knows when nobody can stand on an unlinked child any more. Its next is
// cut then: whoever keeps the instrument of a deleted series would otherwise keep
// all children that were deleted after it and followed it.
//
// Walks are counted by the epoch in which they start, one of two. An epoch ends
// when the walks of the one before have, so a child unlinked in an epoch is out of
// reach when the next one ends.
type epochs struct {
	now     uint // the epoch: 0 or 1
	walking [2]int
	retired [2][]*Child
}

func (e *epochs) enter() uint {
	e.advance()
	e.walking[e.now]++
	return e.now
}

func (e *epochs) leave(epoch uint) {
	e.walking[epoch]--
	e.advance()
}

func (e *epochs) retire(c *Child) { e.retired[e.now] = append(e.retired[e.now], c) }

func (e *epochs) advance() {
	for range 2 {
		before := 1 - e.now
		if e.walking[before] > 0 {
			return
		}
		for _, c := range e.retired[before] {
			c.next.Store(nil)
		}
		e.retired[before] = nil
		if len(e.retired[e.now]) == 0 {
			return
		}
		e.now = before
	}
}
