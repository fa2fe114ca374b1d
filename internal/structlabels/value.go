// SPDX-License-Identifier: Apache-2.0

package structlabels

import (
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

// Struct is the address of a struct.
type Struct struct{ p unsafe.Pointer }

// At returns the address of s.
func At[T any](s *T) Struct { return Struct{unsafe.Pointer(s)} }

// Values returns copies of a struct's labels.
func (l *Layout) Values(s Struct) []string {
	values := make([]string, len(l.fields))
	for i := range values {
		values[i] = strings.Clone(l.fields[i].value(s, nil))
	}
	return values
}

// strings returns the labels of a struct that is an array of them, where they are.
func (l *Layout) strings(s Struct) []string { return unsafe.Slice((*string)(s.p), len(l.fields)) }

func (f *field) text(s Struct) string { return *(*string)(unsafe.Add(s.p, f.offset)) }

// value returns a field's text. It may have to be written to d; if that is nil, it is
// allocated.
func (f *field) value(s Struct, d *digits) string {
	switch f.op {
	case text:
		return f.text(s)
	case other:
		return f.texts.call(f.texts.copyOf(unsafe.Add(s.p, f.offset)), "")
	case constant:
		return f.texts.constant
	case none:
		return ""
	}
	n := f.number(s)
	switch {
	case f.texts != nil:
		return f.texts.ofNumber(n, f.op)
	case n < smallEnd:
		return small(n)
	case d == nil:
		d = new(digits)
	}
	return d.format(n, f.op.signed())
}

// number returns a field that is a number, extended to 64 bits.
func (f *field) number(s Struct) uint64 {
	p := unsafe.Add(s.p, f.offset)
	switch f.op {
	case signed8:
		return uint64(*(*int8)(p))
	case signed16:
		return uint64(*(*int16)(p))
	case signed32:
		return uint64(*(*int32)(p))
	case unsigned8:
		return uint64(*(*uint8)(p))
	case unsigned16:
		return uint64(*(*uint16)(p))
	case unsigned32:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

// Set sets the labels of a struct, other than those that Within fixed, to these values,
// which it keeps. It reports whether that is possible: what no struct led to is no number,
// say. Then the struct is left half set. Fields for which leave, if it is not nil, returns
// true by the number of the value stay as they are.
func (l *Layout) Set(s Struct, values []string, leave func(value int) bool) bool {
	next := 0
	for i := range l.fields {
		f := &l.fields[i]
		if f.op == constant {
			continue
		}
		if (leave == nil || !leave(next)) && !f.set(s, values[next]) {
			return false
		}
		next++
	}
	return true
}

func (f *field) set(s Struct, value string) bool {
	p := unsafe.Add(s.p, f.offset)
	switch {
	case f.op == text:
		*(*string)(p) = value
		return true
	case f.op == none:
		return value == ""
	case f.texts != nil:
		v, ok := f.texts.known(value)
		if ok {
			reflect.NewAt(f.texts.typ, p).Elem().Set(v)
		}
		return ok
	}
	n, ok := parse(value, f.op)
	if !ok {
		return false
	}
	switch f.op {
	case signed8, unsigned8:
		*(*uint8)(p) = uint8(n)
	case signed16, unsigned16:
		*(*uint16)(p) = uint16(n)
	case signed32, unsigned32:
		*(*uint32)(p) = uint32(n)
	default:
		*(*uint64)(p) = n
	}
	return true
}

// parse returns the number whose text is value, and not just another way to write it.
func parse(value string, o op) (n uint64, ok bool) {
	bits := 8 << ((o - signed8) & 3)
	if o.signed() {
		v, err := strconv.ParseInt(value, 10, bits)
		return uint64(v), err == nil && value == strconv.FormatInt(v, 10)
	}
	n, err := strconv.ParseUint(value, 10, bits)
	return n, err == nil && value == strconv.FormatUint(n, 10)
}
