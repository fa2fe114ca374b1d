// SPDX-License-Identifier: Apache-2.0

package structlabels

import (
	"unsafe"

	"github.com/embermetrics/ember/internal/childmap"
)

// Neither a struct nor its strings may escape: else they would live on the heap, as would
// what callers build for a call. So values stay where they are, or are put into a local
// array one by one. What is stored through a slice or a pointer escapes, to the compiler,
// so the loops below cannot become one.

const (
	few  = 4  // so many values have an array that is quick to clear
	most = 16 // and so many have one at all
)

// GetOrCreate returns the child of a struct's labels, creating it if there is none. The
// struct must be of the layout's type.
func (l *Layout) GetOrCreate(m *childmap.Map, s Struct) *childmap.Child {
	if l.dense {
		return m.GetOrCreate(l.strings(s))
	}
	if len(l.fields) > few {
		return l.many(m, s, true)
	}
	var values [few]string
	var hint childmap.Hint
	for i := range l.fields {
		f := &l.first[i&(few-1)]
		if f.op == text {
			v := f.text(s)
			values[i&(few-1)] = v
			hint = hint.At(v)
			continue
		}
		if !f.op.number() {
			return l.few(m, s)
		}
		var n uint64
		switch f.op { // those first that are used most
		case signed64:
			n = *(*uint64)(unsafe.Add(s.p, f.offset))
		case unsigned8:
			n = uint64(*(*uint8)(unsafe.Add(s.p, f.offset)))
		default:
			n = f.number(s)
		}
		// By the number, a child is looked for while its text is not known yet.
		hint = hint.From(n)
		switch {
		case f.texts != nil:
			known := f.texts.numbers.Load()
			if n >= uint64(len(known.low)) {
				return l.few(m, s)
			}
			text := known.low[n]
			if text == "" {
				return l.few(m, s)
			}
			values[i&(few-1)] = text
		case n < smallEnd:
			values[i&(few-1)] = small(n)
		default:
			return l.few(m, s)
		}
	}
	c := m.Recall(hint)
	if c != nil && m.Is(c, values[:len(l.fields)]) {
		return c
	}
	return m.GetOrCreateBy(hint, values[:len(l.fields)], c != nil)
}

// few is GetOrCreate for few values, some of which have to be written first.
func (l *Layout) few(m *childmap.Map, s Struct) *childmap.Child {
	var values [few]string
	var written [few]digits
	var hint childmap.Hint
	for i := range l.fields {
		f := &l.fields[i]
		v := f.value(s, &written[i])
		values[i] = v
		if f.op.number() {
			hint = hint.From(f.number(s))
		} else {
			hint = hint.At(v)
		}
	}
	c := m.Recall(hint)
	if c != nil && m.Is(c, values[:len(l.fields)]) {
		return c
	}
	return m.GetOrCreateBy(hint, values[:len(l.fields)], c != nil)
}

// many is GetOrCreate or Get for any number of values.
func (l *Layout) many(m *childmap.Map, s Struct, create bool) *childmap.Child {
	var array [most]string
	var written [most]digits
	var values []string
	if len(l.fields) > most {
		values = l.Values(s)
	} else {
		for i := range l.fields {
			array[i] = l.fields[i].value(s, &written[i])
		}
		values = array[:len(l.fields)]
	}
	if create {
		return m.GetOrCreate(values)
	}
	return m.Get(values)
}

// Get is GetOrCreate, but returns nil if there is no child.
func (l *Layout) Get(m *childmap.Map, s Struct) *childmap.Child {
	if l.dense {
		return m.Get(l.strings(s))
	}
	return l.many(m, s, false)
}
