// SPDX-License-Identifier: Apache-2.0

package childmap

// alloc makes a child with a prepared item and nothing else, and returns memory for a text
// of that size too, or nil if the text needs memory of its own.
type alloc func(size int) (*Child, []byte)

// Most texts stand in memory right behind their child and its item. So a series takes one
// piece of memory instead of two, and who looks at a child has its text at hand: a lookup
// among 100,000 series waits for memory twice instead of three times.
type (
	childWith32[T any] struct {
		childOf[T]
		text [32]byte
	}
	childWith48[T any] struct {
		childOf[T]
		text [48]byte
	}
	childWith64[T any] struct {
		childOf[T]
		text [64]byte
	}
	childWith96[T any] struct {
		childOf[T]
		text [96]byte
	}
)

func allocOf[T any](init func(*T)) alloc {
	return func(size int) (*Child, []byte) {
		var of *childOf[T]
		var text []byte
		switch {
		case size <= 32:
			c := new(childWith32[T])
			of, text = &c.childOf, c.text[:]
		case size <= 48:
			c := new(childWith48[T])
			of, text = &c.childOf, c.text[:]
		case size <= 64:
			c := new(childWith64[T])
			of, text = &c.childOf, c.text[:]
		case size <= 96:
			c := new(childWith96[T])
			of, text = &c.childOf, c.text[:]
		default:
			of = new(childOf[T])
		}
		init(&of.item)
		return &of.Child, text
	}
}
