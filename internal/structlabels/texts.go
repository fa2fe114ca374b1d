// SPDX-License-Identifier: Apache-2.0

package structlabels

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// texts are what the String method of a type said, which is called with copies alone: it
// could keep what it is given, while the structs that are read may be on a stack. Those of
// type bool are its two words.
type texts struct {
	typ   reflect.Type
	parts []part

	constant string // of a constant, which has nothing else

	numbers atomic.Pointer[numbers] // of types that are numbers; replaced under mu
	mu      sync.Mutex              // adding to numbers

	values sync.Map     // by text, one reflect.Value that has it
	count  atomic.Int64 // of values
}

// part is a string in a value, or a stretch of it without pointers.
type part struct {
	offset, size uintptr
	text         bool
}

const (
	maxNumbers = 256     // of how many numbers the texts are kept
	maxValues  = 1 << 17 // and of how many texts the values, more than a vector has series by default
)

// allTexts are shared by all layouts: what a method says of a value is the same anywhere.
var allTexts sync.Map // by type, *texts

func textsOf(t reflect.Type) *texts {
	if old, ok := allTexts.Load(t); ok {
		return old.(*texts)
	}
	s, _ := allTexts.LoadOrStore(t, newTexts(t))
	return s.(*texts)
}

func newTexts(t reflect.Type) *texts {
	s := &texts{typ: t}
	s.parts, _ = partsOf(nil, t, 0)
	s.numbers.Store(new(numbers))
	if t == reflect.TypeFor[bool]() { // which has no method to be called
		for n, text := range []string{"false", "true"} {
			s.numbers.Store(s.numbers.Load().with(uint64(n), text))
			s.values.Store(text, reflect.ValueOf(n == 1))
		}
	}
	return s
}

// copyable reports whether values of t hold no pointers but those of strings.
func copyable(t reflect.Type) bool {
	_, ok := partsOf(nil, t, 0)
	return ok
}

// partsOf appends the parts of a value of type t that lies at offset.
func partsOf(list []part, t reflect.Type, offset uintptr) (_ []part, ok bool) {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if list, ok = partsOf(list, f.Type, offset+f.Offset); !ok {
				return nil, false
			}
		}
	case reflect.Array:
		for i := range t.Len() {
			if list, ok = partsOf(list, t.Elem(), offset+uintptr(i)*t.Elem().Size()); !ok {
				return nil, false
			}
		}
	case reflect.String:
		return append(list, part{offset, t.Size(), true}), true
	case reflect.Pointer, reflect.UnsafePointer, reflect.Interface, reflect.Chan, reflect.Func, reflect.Map, reflect.Slice:
		return nil, false
	default:
		if n := len(list); n > 0 && !list[n-1].text && list[n-1].offset+list[n-1].size == offset {
			list[n-1].size += t.Size()
			return list, true
		}
		return append(list, part{offset, t.Size(), false}), true
	}
	return list, true
}

// copyOf returns a copy of a value that shares nothing with it.
func (t *texts) copyOf(from unsafe.Pointer) reflect.Value {
	v := reflect.New(t.typ)
	to := v.UnsafePointer()
	for _, p := range t.parts {
		if p.text {
			*(*string)(unsafe.Add(to, p.offset)) = strings.Clone(*(*string)(unsafe.Add(from, p.offset)))
			continue
		}
		copy(unsafe.Slice((*byte)(unsafe.Add(to, p.offset)), p.size), unsafe.Slice((*byte)(unsafe.Add(from, p.offset)), p.size))
	}
	return v.Elem()
}

// call returns the text of a value, and remembers the value for known.
func (t *texts) call(v reflect.Value, instead string) string {
	s := callString(v, instead)
	key := strings.ToValidUTF8(s, "\uFFFD")
	if _, ok := t.values.Load(key); !ok && t.count.Load() < maxValues {
		if _, ok := t.values.LoadOrStore(strings.Clone(key), v); !ok {
			t.count.Add(1)
		}
	}
	return s
}

// callString returns what a String method says, or something instead if it panics: that
// is no reason to fail for whoever counts.
func callString(v reflect.Value, instead string) (s string) {
	defer func() {
		if recover() != nil {
			s = instead
		}
	}()
	return v.Interface().(fmt.Stringer).String()
}

// known returns a value that has this text.
func (t *texts) known(text string) (reflect.Value, bool) {
	v, ok := t.values.Load(text)
	if !ok {
		return reflect.Value{}, false
	}
	return v.(reflect.Value), true
}

// ofNumber returns the text of a number. The method is called for once, unless there are
// too many.
func (t *texts) ofNumber(n uint64, o op) string {
	if text, ok := t.numbers.Load().find(n); ok {
		return text
	}
	return t.newNumber(n, o)
}

//go:noinline
func (t *texts) newNumber(n uint64, o op) string {
	v, instead := reflect.New(t.typ).Elem(), strconv.FormatUint(n, 10)
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(n != 0)
		instead = strconv.FormatBool(n != 0)
	case o.signed():
		v.SetInt(int64(n))
		instead = strconv.FormatInt(int64(n), 10)
	default:
		v.SetUint(n)
	}
	text := t.call(v, instead)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.numbers.Load().find(n); !ok {
		t.numbers.Store(t.numbers.Load().with(n, strings.Clone(text)))
	}
	return text
}

// numbers are the texts of some numbers. It does not change.
type numbers struct {
	low  [128]string // by number, of those that are not empty
	rest map[uint64]string
	used int
}

func (t *numbers) find(n uint64) (text string, ok bool) {
	if n < uint64(len(t.low)) {
		if text = t.low[n]; text != "" {
			return text, true
		}
	}
	text, ok = t.rest[n]
	return text, ok
}

// with returns numbers that have n too, unless there are too many.
func (t *numbers) with(n uint64, text string) *numbers {
	if t.used >= maxNumbers {
		return t
	}
	w := *t
	w.used++
	if n < uint64(len(w.low)) && text != "" {
		w.low[n] = text
		return &w
	}
	w.rest = maps.Clone(t.rest)
	if w.rest == nil {
		w.rest = make(map[uint64]string)
	}
	w.rest[n] = text
	return &w
}
