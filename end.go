// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
)

// Series end because somebody deletes them, or because nobody has updated them for long,
// which a scrape finds out. Neither costs updates anything. An instrument whose series has
// ended leads updates to its heir.

// child is what a vector asks of its instruments.
type child[T any] interface {
	*T
	writeChild(e encoder, at *childmap.Child)

	// activity changes with every update. One goroutine asks at a time.
	activity() uint64
	// end is called once, after the series has left the vector. From now on h gets each
	// update. What the instrument had is forgotten if forget says so, by activity;
	// otherwise it goes into t, and end returns true. An update that is made meanwhile is
	// part of that or goes to h.
	end(h *heir, t *taken, forget func(activity uint64) bool) bool
	// give adds what was taken from another.
	give(t *taken)
}

// heir is the series that has the labels of one that has ended, now or as soon as it is
// updated.
type heir struct {
	vector *viewState
	of     *childmap.Child
	is     atomic.Pointer[childmap.Child] // or was; nil: not asked yet
}

// child returns the heir's child. Unless create is set it may be nil.
func (h *heir) child(create bool) *childmap.Child {
	if c := h.is.Load(); c != nil && !c.Deleted() {
		return c
	}
	c := h.vector.children.Successor(h.of, create)
	if c != nil {
		h.is.Store(c)
	}
	return c
}

// updated returns the heir's instrument, to be updated.
func updated[T any](h *heir) *T { return childmap.Item[T](h.child(true)) }

// existing returns the heir's instrument, or nil.
func existing[T any](h *heir) *T {
	if c := h.child(false); c != nil {
		return childmap.Item[T](c)
	}
	return nil
}

// alone is the child of what belongs to no vector.
var alone childmap.Child

// items is child for a vector that does not know the type of its instruments.
type items interface {
	write(e encoder, c *childmap.Child)
	activity(c *childmap.Child) uint64
	idleness(c *childmap.Child) *idleness
	end(c *childmap.Child, h *heir, t *taken, forget func(activity uint64) bool) bool
	give(c *childmap.Child, t *taken)
}

type itemsOf[T any, P child[T]] struct{}

func (itemsOf[T, P]) of(c *childmap.Child) P { return P(childmap.Item[T](c)) }

func (i itemsOf[T, P]) write(e encoder, c *childmap.Child) { i.of(c).writeChild(e, c) }
func (i itemsOf[T, P]) activity(c *childmap.Child) uint64  { return i.of(c).activity() }
func (i itemsOf[T, P]) give(c *childmap.Child, t *taken)   { i.of(c).give(t) }
func (itemsOf[T, P]) idleness(c *childmap.Child) *idleness { return childmap.Beside[T, idleness](c) }

func (i itemsOf[T, P]) end(c *childmap.Child, h *heir, t *taken, forget func(uint64) bool) bool {
	return i.of(c).end(h, t, forget)
}

// remove ends a series for good, and reports whether it had not ended before.
func (v *view) remove(c *childmap.Child) bool {
	return v.end(c, func(uint64) bool { return true })
}

// end takes a series out of the vector, and reports whether it had not ended before.
// Unless what it had is to be forgotten, which depends on its activity, its heir gets it.
func (v *view) end(c *childmap.Child, forget func(activity uint64) bool) bool {
	if !v.children.Delete(c) {
		return false
	}
	v.mu.Lock()
	delete(v.funcs, c)
	v.mu.Unlock()
	h := &heir{vector: v.viewState, of: c}
	var t taken
	if v.items.end(c, h, &t, forget) {
		v.items.give(h.child(true), &t)
	}
	return true
}

// idleness is what a vector knows of a child that may become idle. It belongs to who
// sweeps.
type idleness struct {
	activity uint64
	since    time.Duration // when activity was first seen to be this, after the vector was made; 0: never
}

// sweep ends the series that are idle.
func (v *view) sweep() {
	v.sweeping.Lock()
	defer v.sweeping.Unlock()
	now := time.Since(v.made) + 1
	w := v.children.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		i := v.items.idleness(c)
		activity := v.items.activity(c)
		if activity != i.activity || i.since == 0 || c.Marked() || c.ForOthers() {
			i.activity, i.since = activity, now
		} else if now-i.since >= v.idleAfter {
			v.end(c, func(a uint64) bool { return a == activity })
		}
	}
}

// reenter takes a series out of the vector, and lets it go on under the labels that the
// vector has now.
func (v *view) reenter(c *childmap.Child) {
	v.end(c, func(uint64) bool { return false })
}
