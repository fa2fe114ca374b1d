// SPDX-License-Identifier: Apache-2.0

// Package structlabels leads from a struct to the child that has its fields for labels.
//
// A Layout is made once for a type of struct, by reflection: it says where each label is
// and how it is written. From then on a struct is only an address. So code that is generic
// in the struct does no more than take its address, and this here is compiled once.
//
//	l := structlabels.Of(reflect.TypeFor[route]())
//	child := l.GetOrCreate(children, structlabels.At(&r))
//
// A struct of nothing but strings is used as the array of strings that it is. Otherwise a
// field costs about a nanosecond: a string, a bool, an integer from 0 to 999, and a number
// with a String method that was called for it before. Other integers are written to the
// stack. Nothing of that allocates, up to 16 labels; beyond that, each value does. So does
// a String method that is not of a number: its receiver is copied twice, and it is called
// each time.
//
// Package structlabels knows nothing of instruments. It cannot tell whether an address is
// that of a struct of the layout's type: that is up to whoever pairs them.
package structlabels

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// Layout says where the labels are in structs of one type. It does not change.
type Layout struct {
	typ    reflect.Type
	names  []string
	paths  []string // of the fields, as errors name them: Common.Method
	fields []field
	first  [few]field // of fields: it takes time to get to them
	dense  bool       // the struct is an array of strings: its labels
	err    error      // why this is no layout of labels
}

// field is one label.
type field struct {
	offset uintptr
	texts  *texts // of a Stringer, a bool or a constant; else nil
	op     op
}

// op is how a field is read.
type op uint8

const (
	text     op = iota // a string as it is
	other              // a Stringer that is no number
	constant           // no field of the struct, but a text
	none               // nothing that can be read: its text is empty
	signed8            // a number, as are the rest; a bool is one, 0 or 1
	signed16
	signed32
	signed64
	unsigned8
	unsigned16
	unsigned32
	unsigned64
)

func (o op) number() bool { return o >= signed8 }

func (o op) signed() bool { return signed8 <= o && o <= signed64 }

// Of returns the layout of the exported fields of t and of the structs embedded in it,
// in their order. It does not fail: what is wrong with t, Err says, and then the value of
// a label that cannot be read is empty.
func Of(t reflect.Type) *Layout {
	l := &Layout{typ: t}
	if t.Kind() != reflect.Struct {
		l.fail("the labels' type %v is no struct", t)
		return l
	}
	l.add(t, 0, "")
	for i, name := range l.names {
		if first := slices.Index(l.names, name); first < i {
			l.fail("the fields %s and %s of %v are both the label %q", l.paths[first], l.paths[i], t, name)
		}
	}
	l.finish()
	return l
}

// finish sets what follows from the fields.
func (l *Layout) finish() {
	copy(l.first[:], l.fields)
	l.dense = len(l.fields) > 0
	for i, f := range l.fields {
		l.dense = l.dense && f.op == text && f.offset == uintptr(i)*unsafe.Sizeof("")
	}
}

// fail notes what is wrong, unless something was before.
func (l *Layout) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// add appends the fields of a struct that begins at offset.
func (l *Layout) add(t reflect.Type, offset uintptr, within string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("label")
		path := within + f.Name
		if f.Anonymous && f.Type.Kind() == reflect.Struct && !tagged {
			l.add(f.Type, offset+f.Offset, path+".")
			continue
		}
		if !tagged {
			name = snakeCase(f.Name)
		}
		op, texts, wrong := classify(f.Type)
		switch {
		case !f.IsExported():
			op, texts = none, nil
			l.fail("the field %s of %v is not exported", path, l.typ)
		case wrong != "":
			l.fail("the field %s of %v is of type %v, %s", path, l.typ, f.Type, wrong)
		case name == "" || name == "-":
			l.fail("the field %s of %v has the tag %q, but every field is a label", path, l.typ, name)
		}
		l.names, l.paths = append(l.names, name), append(l.paths, path)
		l.fields = append(l.fields, field{offset + f.Offset, texts, op})
	}
}

// classify returns how a field of type t is read, or why it cannot be.
func classify(t reflect.Type) (o op, s *texts, wrong string) {
	o = opOf(t)
	if t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		if !o.number() {
			if o = other; !copyable(t) {
				return none, nil, "whose String method is given pointers, which it could keep: make it a string"
			}
		}
		return o, textsOf(t), ""
	}
	if t.Kind() == reflect.Bool {
		return o, textsOf(reflect.TypeFor[bool]()), ""
	}
	if o == none {
		return none, nil, "which is no label: a string, a bool, an integer or a type with a String method is"
	}
	return o, nil, ""
}

// opOf returns how a type is read that has no String method.
func opOf(t reflect.Type) op {
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Int8:
		return signed8
	case reflect.Int16:
		return signed16
	case reflect.Int32:
		return signed32
	case reflect.Int64:
		return signed64
	case reflect.Uint8, reflect.Bool:
		return unsigned8
	case reflect.Uint16:
		return unsigned16
	case reflect.Uint32:
		return unsigned32
	case reflect.Uint64:
		return unsigned64
	case reflect.Int:
		if strconv.IntSize == 32 {
			return signed32
		}
		return signed64
	case reflect.Uint, reflect.Uintptr:
		if t.Size() == 4 {
			return unsigned32
		}
		return unsigned64
	}
	return none
}

// Names returns the labels' names. They must not be changed.
func (l *Layout) Names() []string { return l.names }

// Err returns why structs of this type cannot be labels. It names the type and the field.
func (l *Layout) Err() error { return l.err }

// Type returns the type of the structs.
func (l *Layout) Type() reflect.Type { return l.typ }

// Within returns a layout that leads to children with more labels: these, of which each
// one is a label of l, or has the fixed value at its index.
func (l *Layout) Within(labels []string, fixed []*string) *Layout {
	w := &Layout{typ: l.typ, names: labels, err: l.err}
	for i, name := range labels {
		f := field{op: constant}
		if fixed[i] != nil {
			f.texts = &texts{constant: *fixed[i]}
		} else {
			f = l.fields[slices.Index(l.names, name)]
		}
		w.fields = append(w.fields, f)
	}
	w.finish()
	return w
}
