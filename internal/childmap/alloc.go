// SPDX-License-Identifier: Apache-2.0

package childmap

// alloc makes a child with a prepared item and nothing else, and returns memory for a text
// of that size too, or nil if the text needs memory of its own.
type alloc func(size int) (*Child, []byte)

// Most texts stand in memory right behind their child and its item. So a series takes one
// piece of memory instead of two, and who looks at a child has its text at hand: a lookup
// among 100,000 series waits for memory twice instead of three times.
type (
	childWith40[T any] struct {
		childOf[T]
		text [40]byte
	}
	childWith56[T any] struct {
		childOf[T]
		text [56]byte
	}
	childWith72[T any] struct {
		childOf[T]
		text [72]byte
	}
	childWith104[T any] struct {
		childOf[T]
		text [104]byte
	}
)

func allocOf[T any](init func(*T)) alloc {
	return func(size int) (*Child, []byte) {
		var of *childOf[T]
		var text []byte
		switch {
		case size <= 40:
			c := new(childWith40[T])
			of, text = &c.childOf, c.text[:]
		case size <= 56:
			c := new(childWith56[T])
			of, text = &c.childOf, c.text[:]
		case size <= 72:
			c := new(childWith72[T])
			of, text = &c.childOf, c.text[:]
		case size <= 104:
			c := new(childWith104[T])
			of, text = &c.childOf, c.text[:]
		default:
			of = new(childOf[T])
		}
		init(&of.item)
		return &of.Child, text
	}
}
