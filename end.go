// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/embermetrics/ember/internal/childmap"
)

// Series end because somebody deletes them, or because nobody has updated them for long.
// Neither costs updates anything: a scrape looks for both.

// child is what a vector asks of its instruments.
type child[T any] interface {
	*T
	writeChild(e encoder, at *childmap.Child)

	// activity changes with every update. One goroutine asks at a time.
	activity() uint64
	// end is called once, after the series has left the vector. It empties the instrument
	// into t and reports true, if what it had goes on elsewhere: unless forget says, by
	// activity, that it is forgotten.
	end(t *taken, forget func(activity uint64) bool) bool
	// take empties an instrument that has ended into t, and reports whether there was
	// anything.
	take(t *taken) bool
	// give adds what was taken from another.
	give(t *taken)
}

// alone is the child of what belongs to no vector.
var alone childmap.Child

// items is child for a vector that does not know the type of its instruments.
type items interface {
	write(e encoder, c *childmap.Child)
	activity(c *childmap.Child) uint64
	idleness(c *childmap.Child) *idleness
	end(c *childmap.Child, t *taken, forget func(activity uint64) bool) bool
	take(c *childmap.Child, t *taken) bool
	give(c *childmap.Child, t *taken)
}

type itemsOf[T any, P child[T]] struct{}

func (itemsOf[T, P]) of(c *childmap.Child) P { return P(childmap.Item[T](c)) }

func (i itemsOf[T, P]) write(e encoder, c *childmap.Child)    { i.of(c).writeChild(e, c) }
func (i itemsOf[T, P]) activity(c *childmap.Child) uint64     { return i.of(c).activity() }
func (i itemsOf[T, P]) take(c *childmap.Child, t *taken) bool { return i.of(c).take(t) }
func (i itemsOf[T, P]) give(c *childmap.Child, t *taken)      { i.of(c).give(t) }
func (itemsOf[T, P]) idleness(c *childmap.Child) *idleness    { return childmap.Beside[T, idleness](c) }
func (i itemsOf[T, P]) end(c *childmap.Child, t *taken, forget func(uint64) bool) bool {
	return i.of(c).end(t, forget)
}

// remove ends a series for good, and reports whether it had not ended before.
func (v *view) remove(c *childmap.Child) bool {
	return v.end(c, func(uint64) bool { return true })
}

// end takes a series out of the vector, and reports whether it had not ended before.
// Unless what it had is to be forgotten, which depends on its activity, it goes on as the
// series of the same labels.
func (v *view) end(c *childmap.Child, forget func(activity uint64) bool) bool {
	if !v.children.Delete(c) {
		return false
	}
	v.mu.Lock()
	delete(v.funcs, c)
	v.mu.Unlock()
	var t taken
	if v.items.end(c, &t, forget) {
		v.items.give(v.children.Successor(c), &t)
	}
	v.ended.add(c)
	return true
}

// inboxes are children that have ended, and may be updated by who still holds them.
type inboxes struct {
	mu   sync.Mutex
	list map[string][]weak.Pointer[childmap.Child] // by their text
	size atomic.Int64                              // how many there are in list; changed under mu
	most int64                                     // how many there may be before somebody looks who is held
}

// minInboxes is how many children may have ended without anybody looking at them.
const minInboxes = 64

// add notes one more. A constant part of the time goes into forgetting others.
func (b *inboxes) add(c *childmap.Child) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size.Load() >= max(b.most, minInboxes) {
		for text := range b.list {
			b.held(text)
		}
		b.most = 2 * b.size.Load()
	}
	if b.list == nil {
		b.list = make(map[string][]weak.Pointer[childmap.Child])
	}
	b.list[c.Text()] = append(b.list[c.Text()], weak.Make(c))
	b.size.Add(1)
}

// held returns those of one text that somebody still holds, and forgets the others. mu is
// held.
func (b *inboxes) held(text string) []*childmap.Child {
	all := b.list[text]
	var held []*childmap.Child
	kept := make([]weak.Pointer[childmap.Child], 0, len(all))
	for _, p := range all {
		if c := p.Value(); c != nil {
			held, kept = append(held, c), append(kept, p)
		}
	}
	b.size.Add(int64(len(kept) - len(all)))
	if len(kept) == 0 {
		delete(b.list, text)
	} else {
		b.list[text] = kept
	}
	return held
}

// allHeld returns all that somebody still holds.
func (b *inboxes) allHeld() []*childmap.Child {
	if b.size.Load() == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*childmap.Child
	for text := range b.list {
		all = append(all, b.held(text)...)
	}
	return all
}

// heldOf returns those of one text that somebody still holds.
func (b *inboxes) heldOf(text string) []*childmap.Child {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held(text)
}

// forward moves what has come to series that have ended to those that have their labels.
func (v *view) forward(ended []*childmap.Child) {
	var t taken
	for _, c := range ended {
		if v.items.take(c, &t) {
			t.created = 0
			v.items.give(v.children.Successor(c), &t)
		}
	}
}

// forwardTo is forward to the series with the values of all labels.
func (v *view) forwardTo(values []string) {
	if v.ended.size.Load() > 0 {
		v.forward(v.ended.heldOf(v.children.Text(values)))
	}
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
	defer w.End()
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
