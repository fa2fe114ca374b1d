// SPDX-License-Identifier: Apache-2.0

package childmap

// Walk goes through the children that a map has when it starts, in order of their text,
// except those that are deleted before it meets them. It stalls nobody, and what it has not
// met yet stays in memory for as long as the Walk does. A Walk is for one goroutine.
//
//	w := m.Walk()
//	for c := w.Next(); c != nil; c = w.Next() {
type Walk struct {
	chunk   []*Child // what is left of one
	rest    order    // the chunks after it
	touched byte     // of no meaning; the compiler would leave out reading for nothing
}

// Walk starts a walk. What was created since the last one is sorted and put in order, and
// what was deleted is left out, so that a walk of an unchanged map costs nothing but the
// walk.
func (m *Map) Walk() Walk { return m.Target().walk() }

func (m *Map) walk() Walk {
	m.orderMu.Lock()
	defer m.orderMu.Unlock()

	m.mu.Lock()
	pending := m.pending.take()
	m.mu.Unlock()
	removed := m.removed.Load()
	if pending != nil || removed > 0 {
		var unused pile
		m.order = m.order.merge(sortChain(pending, &unused), &unused, removed > 0)
		m.removed.Add(-removed)
	}
	return Walk{rest: m.order}
}

// Next returns the next child, or nil after the last.
func (w *Walk) Next() *Child {
	for {
		for i, c := range w.chunk {
			if !c.Deleted() {
				w.chunk = w.chunk[i+1:]
				return c
			}
		}
		if len(w.rest) == 0 {
			w.chunk = nil
			return nil
		}
		w.chunk, w.rest = w.rest[0].children, w.rest[1:]
		w.touched = touch(w.chunk)
	}
}

// touch reads from all children of a chunk, so that the processor waits for their memory
// all at once. Among a million children that is most of the time of a walk.
func touch(chunk []*Child) (sum byte) {
	for _, c := range chunk {
		if text := c.Text(); text != "" {
			sum += text[len(text)-1]
		}
	}
	return sum
}
