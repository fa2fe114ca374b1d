// SPDX-License-Identifier: Apache-2.0

// Package childmap maps label values to the child that counts them.
//
// Finding an existing child takes no lock and allocates nothing. Creating one
// takes a mutex for about a microsecond, whatever else goes on: a reader that
// walks a million children in order holds nothing that a creator needs.
//
// A child keeps its labels once, as the text that is written at a scrape, and
// lookups compare against that text. It mostly stands right behind the child.
//
// Package childmap knows label syntax, but nothing of instruments or registries.
package childmap

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"
)

// Child is one entry: the labels that lead to an instrument, and in memory right
// behind them the instrument itself, which Item returns. So both share cache lines
// when a scrape walks by, and this package's code need not be compiled once for
// each type of instrument, which every binary would pay for.
type Child struct {
	_     [0]func()     // no child is compared with another, which binaries need not be able to
	text  *byte         // a="x",b="y", escaped, size bytes of it; constant
	size  uint32        // constant
	state atomic.Uint32 // of the bits below
}

// childOf is what is allocated for a child.
type childOf[T any] struct {
	Child
	item T
}

// besideOf is what is allocated for a child that has something beside its item.
type besideOf[T, U any] struct {
	childOf[T]
	beside U
}

// Item returns the instrument of a child, whose map New must have made for the
// same T.
func Item[T any](c *Child) *T {
	// Each child is the first field of a childOf, and keeps it alive.
	return &(*childOf[T])(unsafe.Pointer(c)).item
}

// Beside returns what is beside the item of a child, whose map NewBeside must have made
// for the same T and U.
func Beside[T, U any](c *Child) *U {
	return &(*besideOf[T, U])(unsafe.Pointer(c)).beside
}

const (
	escaped uint32 = 1 << iota // text differs from the plain values; constant
	deleted                    // no longer in the map; never unset
	marked                     // see Mark
	others                     // see ForOthers; constant
	entered                    // in a map that another one forwards to; constant
)

// Text returns the child's labels as they are written: a="x",b="y".
func (c *Child) Text() string { return unsafe.String(c.text, c.size) }

// setText sets the text, which must be shorter than 4 GiB: a string has eight bytes
// for a length, and half of them make the difference between two sizes of memory. Nobody
// may change it afterwards.
func (c *Child) setText(text []byte) {
	c.text, c.size = unsafe.SliceData(text), uint32(len(text))
}

// Mark sets or clears a flag that is the user's to give a meaning.
func (c *Child) Mark(on bool) {
	if on {
		c.state.Or(marked)
	} else {
		c.state.And(^marked)
	}
}

// Marked reports the flag that Mark sets.
func (c *Child) Marked() bool { return c.state.Load()&marked != 0 }

// ForOthers reports whether the child was made because there was no place for another:
// some or all of its values are Other.
func (c *Child) ForOthers() bool { return c.state.Load()&others != 0 }

// Deleted reports whether the child was taken out of its map.
func (c *Child) Deleted() bool { return c.state.Load()&deleted != 0 }

// Map holds the children of one vector. Create one with New.
//
// Any method may be called by any number of goroutines.
type Map struct {
	syntax *Syntax
	alloc  alloc
	state  uint32 // what the state of each child begins with; constant

	front atomic.Pointer[front] // nil until a child is found twice
	table atomic.Pointer[table] // read by anyone, replaced under mu
	count atomic.Int64          // children in table; written under mu

	mu      sync.Mutex // creating and deleting
	pending chain      // created and not in order yet

	orderMu sync.Mutex   // putting in order; taken before mu
	order   order        // replaced under orderMu
	removed atomic.Int64 // deleted children since the last time in order

	admission admission // who has a place

	made atomic.Pointer[Made] // see OnMade; nil: nobody is told

	forward atomic.Pointer[forwarding] // written under mu, once; nil: see Forward
}

// New returns an empty map for labels of that syntax, whose children hold a T.
// init prepares the item of each new child before anyone sees it.
func New[T any](s *Syntax, init func(*T)) *Map {
	return empty(s, 0, allocOf(init))
}

// NewBeside is New for children that have a U beside their T; see Beside.
func NewBeside[T, U any](s *Syntax, init func(*T)) *Map {
	return empty(s, 0, func(int) (*Child, []byte) {
		c := new(besideOf[T, U])
		init(&c.item)
		return &c.Child, nil
	})
}

func empty(s *Syntax, state uint32, alloc alloc) *Map {
	m := &Map{syntax: s, alloc: alloc, state: state}
	m.table.Store(newTable())
	m.admission.overflows.Init(nil)
	return m
}

// Len returns the number of children.
func (m *Map) Len() int {
	n := m.count.Load()
	if f := m.forward.Load(); f != nil {
		n += f.to.count.Load()
	}
	return int(n)
}

// Syntax returns what New was given.
func (m *Map) Syntax() *Syntax { return m.syntax }

// Get returns the child of values, or nil. len(values) must be the number of
// labels. Neither values nor their strings are kept.
func (m *Map) Get(values []string) *Child {
	if c := m.table.Load().find(hash(values), values, m.syntax); c != nil {
		return c
	}
	if f := m.forward.Load(); f != nil {
		return f.get(values)
	}
	if len(m.admission.Labels) == 0 && allValid(values) {
		return nil
	}
	return m.getNormal(values)
}

// onStack is up to how many values are put in order without allocating.
const onStack = 16

// getNormal finds the child of values that may have to be changed first. They are
// copied one by one into an array, or they would have to live on the heap.
func (m *Map) getNormal(values []string) *Child {
	var all [onStack]string
	if len(values) > onStack {
		values = toValid(values)
	} else {
		//lint:ignore S1001 copy would make the values live on the heap
		for i, v := range values {
			all[i] = v
		}
		values = all[:len(values)]
	}
	m.admission.normalize(values)
	return m.table.Load().find(hash(values), values, m.syntax)
}

// GetOrCreate returns the child of values, creating it if there is none.
func (m *Map) GetOrCreate(values []string) *Child {
	a := addresses(values)
	reused := false // the memory is that of other values
	if f := m.front.Load(); f != nil {
		if c := f.recall(a); c != nil && c.state.Load()&(escaped|deleted) == 0 {
			if m.syntax.equalPlain(c.Text(), values) {
				return c
			}
			reused = true
		}
	}
	h := hash(values)
	if c := m.table.Load().find(h, values, m.syntax); c != nil {
		if !reused {
			m.remember(a, c)
		}
		return c
	}
	return m.create(h, values)
}

// Recall returns a child that is there and that a hint led to, or another one, or nil. It
// is for who then asks Is, and GetOrCreateBy only if that is false.
func (m *Map) Recall(h Hint) *Child {
	a := h.hash()
	if f := m.front.Load(); f != nil {
		if c := f.recall(a); c != nil && c.state.Load()&(escaped|deleted) == 0 {
			return c
		}
	}
	return nil
}

// Is reports whether a child that Recall returned has these values.
func (m *Map) Is(c *Child, values []string) bool { return m.syntax.equalPlain(c.Text(), values) }

// GetOrCreateBy is GetOrCreate for who has a hint for the values. Reused says that Recall
// has another child for the hint.
func (m *Map) GetOrCreateBy(h Hint, values []string, reused bool) *Child {
	of := hash(values)
	if c := m.table.Load().find(of, values, m.syntax); c != nil {
		if !reused {
			m.remember(h.hash(), c)
		}
		return c
	}
	return m.create(of, values)
}

// create is GetOrCreate for values with that hash that were not found.
//
//go:noinline
func (m *Map) create(h uint64, values []string) *Child {
	if f := m.forward.Load(); f != nil {
		return f.getOrCreate(values)
	}
	given := values
	if len(m.admission.Labels) == 0 && allValid(values) {
		if c := m.insert(h, values, false); c != nil {
			return c
		}
		return m.forward.Load().getOrCreate(given)
	}
	var all [onStack]string // as in getNormal
	if len(values) > onStack {
		values = toValid(values)
	} else {
		//lint:ignore S1001 copy would make the values live on the heap
		for i, v := range values {
			all[i] = v
		}
		values = all[:len(values)]
	}
	m.admission.normalize(values)
	if c := m.admit(values, false); c != nil {
		return c
	}
	return m.forward.Load().getOrCreate(given)
}

// Successor returns the child that has the labels of c now that c is deleted. Unless create
// is set it may be nil.
func (m *Map) Successor(c *Child, create bool) *Child {
	values := m.Values(c)
	for {
		to, kept := m, values
		if f := m.forward.Load(); f != nil {
			to, kept = f.to, f.wide(values)
		}
		if s := to.table.Load().find(hash(kept), kept, to.syntax); s != nil || !create {
			return s
		}
		all := c.ForOthers() && !slices.ContainsFunc(kept, func(v string) bool { return v != Other })
		if all {
			if s := to.allOthers(len(kept)); s != nil {
				return s
			}
		} else if s := to.admit(slices.Clone(kept), c.ForOthers()); s != nil {
			return s
		}
		// The map has come to forward.
	}
}

// admit returns the child of normal values, creating it if there is none, or the one that
// stands for it; or nil if the map forwards. It may change the values. Replaced says
// whether some of them are Other because there was no place for what they were.
func (m *Map) admit(values []string, replaced bool) *Child {
	for {
		// First, for what has no place most often has its substitute.
		if m.admission.replace(values) {
			replaced = true
		}
		h := hash(values)
		if c := m.table.Load().find(h, values, m.syntax); c != nil {
			return c
		}
		if c := m.insert(h, values, replaced); c != nil {
			return c
		}
		if m.forward.Load() != nil {
			return nil
		}
	}
}

// insert returns a new child of values, which have that hash, or the one that somebody else inserted
// meanwhile, or the one that stands for all that there is no place for. It returns nil
// if there has come to be no place for one of the values, or if the map forwards.
func (m *Map) insert(h uint64, values []string, replaced bool) *Child {
	if m.full() {
		return m.overflow(values)
	}
	// Everything slow happens before the lock; a race for the same child wastes
	// one of two.
	fresh := m.make(values, replaced)
	told := m.tellBefore(fresh)
	c, full := m.insertMade(h, fresh, values)
	m.tellAfter(fresh, c == fresh, told)
	if full {
		return m.overflow(values)
	}
	return c
}

func (m *Map) insertMade(h uint64, fresh *Child, values []string) (c *Child, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forward.Load() != nil {
		return nil, false
	}
	if c := m.table.Load().find(h, values, m.syntax); c != nil {
		return c, false
	}
	if m.full() {
		return nil, true
	}
	if !m.admission.admit(values) {
		return nil, false
	}
	m.put(h, fresh)
	return fresh, false
}

// Made is told of children that are made, by whoever makes them; see OnMade.
type Made struct {
	Before func(c *Child)            // c is ready, but nobody else can find it yet
	After  func(c *Child, told bool) // it is there now; told: Before has been called for it
	Not    func(c *Child)            // after Before: it will never be there, for somebody else's is
}

// OnMade makes functions be called for each child that is made from now on. It holds for
// what m forwards to now, if it does.
func (m *Map) OnMade(f Made) { m.Target().made.Store(&f) }

// tellBefore says that c is about to be there, and returns who has been told.
func (m *Map) tellBefore(c *Child) *Made {
	f := m.made.Load()
	if f != nil {
		f.Before(c)
	}
	return f
}

// tellAfter says whether c is there; told is what tellBefore returned.
func (m *Map) tellAfter(c *Child, there bool, told *Made) {
	if there {
		if f := m.made.Load(); f != nil {
			f.After(c, f == told)
		}
	} else if told != nil {
		told.Not(c)
	}
}

// make returns a child that is not in the map yet.
func (m *Map) make(values []string, forOthers bool) *Child {
	size, plain := m.syntax.measure(values)
	c, text := m.alloc(size)
	if text == nil {
		text = make([]byte, size)
	}
	c.setText(m.syntax.render(text[:0], values, plain))
	state := m.state
	if !plain {
		state |= escaped
	}
	if forOthers {
		state |= others
		if m.admission.Overflow != nil {
			m.admission.Overflow(c)
		}
	}
	if state != 0 { // else it is that already
		c.state.Store(state)
	}
	return c
}

// put inserts a child. mu is held.
func (m *Map) put(h uint64, c *Child) {
	t := m.table.Load()
	if larger := t.insert(h, c); larger != t {
		m.table.Store(larger)
	}
	m.count.Add(1)
	m.pending.push(c, nil)
}

// Delete removes c and reports whether it was still there. Its item stays usable
// for whoever holds it.
func (m *Map) Delete(c *Child) bool {
	m = m.home(c)
	if !m.delete(c) {
		return false
	}
	// Who walks takes children out of the order. If nobody does, it is up to those who
	// delete, each bearing a constant part of the cost.
	if m.removed.Load() > max(dropAfter, m.count.Load()) {
		m.walk()
	}
	return true
}

// dropAfter is how many deleted children may stay in order, or as many as there are
// living ones if that is more.
const dropAfter = 1024

func (m *Map) delete(c *Child) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Deleted() {
		return false
	}
	values := m.syntax.Values(c.Text())
	m.table.Load().remove(hash(values), c)
	m.admission.other.CompareAndSwap(c, nil)
	m.admission.dismiss(values)
	m.count.Add(-1)
	c.state.Or(deleted)
	m.removed.Add(1)
	return true
}

// Values returns the plain label values of c, in a slice of the caller's own.
func (m *Map) Values(c *Child) []string {
	if f := m.forward.Load(); f != nil && c.state.Load()&entered != 0 {
		return f.values(c)
	}
	return m.syntax.Values(c.Text())
}

// MaxValue is how many bytes of a value are kept, so that nothing overflows whatever
// somebody takes for a label's value.
const MaxValue = 1 << 20

// Valid returns a value as children have it: UTF-8, invalid bytes replaced by U+FFFD,
// and cut where it is longer than MaxValue.
func Valid(value string) string {
	if len(value) > MaxValue {
		value = value[:MaxValue]
	}
	value = strings.ToValidUTF8(value, "\uFFFD")
	for len(value) > MaxValue || !utf8.ValidString(value) {
		value = value[:len(value)-1]
	}
	return value
}

func isValid(value string) bool { return len(value) <= MaxValue && utf8.ValidString(value) }

func allValid(values []string) bool {
	for _, v := range values {
		if !isValid(v) {
			return false
		}
	}
	return true
}

// toValid returns a copy in which all values are valid.
func toValid(values []string) []string {
	valid := make([]string, len(values))
	for i, v := range values {
		valid[i] = Valid(strings.Clone(v))
	}
	return valid
}
