// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"iter"
	"math/bits"
	"strings"
	"unsafe"
)

// Syntax is how the labels of one vector are spelled: name="value", in the order
// of the names, separated by commas. In a value a backslash, a quote and a line
// feed are escaped, as all text formats of Prometheus and OpenMetrics ask.
type Syntax struct {
	before []string // what stands before each value: a=" then ",b=" and so on
	gaps   []int    // the lengths of before
	size   int      // length of the text without its values
}

// NewSyntax returns the syntax for these label names, which are written as they
// are. They must not contain a quote, but for one that is only passed to AppendAs.
func NewSyntax(names []string) *Syntax {
	s := &Syntax{before: make([]string, len(names))}
	for i, name := range names {
		s.before[i] = name + `="`
		if i > 0 {
			s.before[i] = `",` + s.before[i]
		}
		s.gaps = append(s.gaps, len(s.before[i]))
		s.size += len(s.before[i])
	}
	if len(names) > 0 {
		s.size++
	}
	return s
}

// Gaps returns how many bytes stand before each value in a text: before the first
// one, and between its predecessor and each other one. It must not be changed.
func (s *Syntax) Gaps() []int { return s.gaps }

// measure returns how long the text for values is, and whether they stand in it unchanged.
func (s *Syntax) measure(values []string) (size int, plain bool) {
	size = s.size
	plain = true
	for _, v := range values {
		size += len(v)
		if isPlain(v) {
			continue
		}
		plain = false
		for i := range len(v) {
			if c := v[i]; c == '\\' || c == '"' || c == '\n' {
				size++
			}
		}
	}
	return size, plain
}

// isPlain reports whether a value stands in a text unchanged.
func isPlain(v string) bool {
	for ; len(v) >= 8; v = v[8:] {
		if matches(v, '\\')|matches(v, '"')|matches(v, '\n') != 0 {
			return false
		}
	}
	for i := range len(v) {
		if c := v[i]; c == '\\' || c == '"' || c == '\n' {
			return false
		}
	}
	return true
}

// render appends the text for values, of which measure says whether they are plain.
func (s *Syntax) render(b []byte, values []string, plain bool) []byte {
	for i, v := range values {
		b = append(b, s.before[i]...)
		if plain {
			b = append(b, v...)
			continue
		}
		for j := range len(v) {
			switch c := v[j]; c {
			case '\\', '"':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			default:
				b = append(b, c)
			}
		}
	}
	if len(values) > 0 {
		b = append(b, '"')
	}
	return b
}

// equal reports whether text is what render makes of values.
//
// In a plain text no value contains a quote, so n values have 2n quotes. If each
// of values stands where its turn is, after a quote and before a quote, and the
// last quote is the text's last, then those are 2n quotes one after the other,
// hence all of them, and each of values stands for the whole of its counterpart.
// That spares comparing the names between.
func (s *Syntax) equal(text string, plain bool, values []string) bool {
	if !plain {
		return s.equalEscaped(text, values)
	}
	return s.equalPlain(text, values)
}

func (s *Syntax) equalPlain(text string, values []string) bool {
	gaps := s.gaps
	if len(gaps) != len(values) {
		return false
	}
	// Pointers, since checking what is read of the text each time would take a tenth of a
	// lookup. There are always left bytes from at on.
	at, left := unsafe.StringData(text), len(text)
	for i := range values {
		gap, n := gaps[i], len(values[i])
		if left -= gap; left <= n {
			return false
		}
		left -= n
		t, v := unsafe.Add(unsafe.Pointer(at), gap), unsafe.Pointer(unsafe.StringData(values[i]))
		at = (*byte)(unsafe.Add(t, n))
		if *(*byte)(unsafe.Add(t, -1)) != '"' || *at != '"' {
			return false
		}
		// Values are short, and a call costs more than comparing 16 bytes.
		switch {
		case n >= 8:
			if n > 16 {
				if unsafe.String((*byte)(t), n) != values[i] {
					return false
				}
			} else if word64(t) != word64(v) || word64(unsafe.Add(t, n-8)) != word64(unsafe.Add(v, n-8)) {
				return false
			}
		case n >= 4:
			if word32(t) != word32(v) || word32(unsafe.Add(t, n-4)) != word32(unsafe.Add(v, n-4)) {
				return false
			}
		case n >= 2:
			if word16(t) != word16(v) || word16(unsafe.Add(t, n-2)) != word16(unsafe.Add(v, n-2)) {
				return false
			}
		case n == 1:
			if *(*byte)(t) != *(*byte)(v) {
				return false
			}
		}
	}
	return left == 1 || len(values) == 0
}

// equalEscaped compares byte by byte, escaping on the fly.
func (s *Syntax) equalEscaped(text string, values []string) bool {
	for i, v := range values {
		if !strings.HasPrefix(text, s.before[i]) {
			return false
		}
		text = text[len(s.before[i]):]
		for j := range len(v) {
			c := v[j]
			if c == '\\' || c == '"' || c == '\n' {
				if text == "" || text[0] != '\\' {
					return false
				}
				text = text[1:]
				if c == '\n' {
					c = 'n'
				}
			}
			if text == "" || text[0] != c {
				return false
			}
			text = text[1:]
		}
	}
	return text == `"` || len(values) == 0
}

// Values returns the plain values in a text that render made, in a new slice.
// Values without escapes share the text's memory.
func (s *Syntax) Values(text string) []string {
	values := make([]string, len(s.before))
	for i := range values {
		text = text[len(s.before[i]):]
		end := valueEnd(text)
		values[i] = Unescape(text[:end])
		text = text[end:]
	}
	return values
}

// AppendAs appends a text that s made as to spells it, whose names stand for the
// same labels.
func (s *Syntax) AppendAs(b []byte, text string, to *Syntax) []byte {
	for i := range s.before {
		text = text[len(s.before[i]):]
		end := valueEnd(text)
		b = append(append(b, to.before[i]...), text[:end]...)
		text = text[end:]
	}
	return append(b, text...) // the last quote, if there is any
}

// valueEnd returns where the value that text begins with ends: at its quote.
func valueEnd(text string) int {
	end := 0
	for text[end] != '"' {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	return end
}

// ValueEnd returns where the value that a text begins with ends, at its quote, and whether
// nothing in it is escaped.
func ValueEnd(text string) (end int, plain bool) {
	for ; len(text)-end >= 8; end += 8 {
		if found := matches(text[end:], '"') | matches(text[end:], '\\'); found != 0 {
			end += bits.TrailingZeros64(found) / 8
			break
		}
	}
	for ; text[end] != '"'; end++ {
		if text[end] == '\\' {
			return valueEnd(text), false
		}
	}
	return end, true
}

// matches returns which of the first eight bytes of a text are c: each that is has its
// highest bit set, no other one up to the first that is has.
func matches(text string, c byte) uint64 {
	const ones = 0x0101010101010101
	differ := load64(text) ^ ones*uint64(c)
	return (differ - ones) &^ differ & (ones << 7)
}

// Pairs returns the names and plain values in a text, whatever syntax made it.
func Pairs(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for text != "" {
			name, value, rest := NextPair(text)
			if !yield(Unescape(name), Unescape(value)) {
				return
			}
			text = rest
		}
	}
}

// NextPair returns the first name and value in a text, without their quotes but still
// escaped, and the rest. The text must not be empty.
func NextPair(text string) (name, value, rest string) {
	if text[0] == '"' {
		end := 1 + valueEnd(text[1:])
		name, text = text[1:end], text[end+1:]
	} else {
		end := strings.IndexByte(text, '=')
		name, text = text[:end], text[end:]
	}
	text = text[len(`="`):]
	end := valueEnd(text)
	return name, text[:end], strings.TrimPrefix(text[end+1:], ",")
}

// Unescape returns the plain form of a name or value, sharing memory with it if
// nothing is escaped.
func Unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return unescape(s)
}

func unescape(s string) string { return string(AppendUnescaped(make([]byte, 0, len(s)), s)) }

// AppendUnescaped appends the plain form of an escaped name or value.
func AppendUnescaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			if i++; s[i] == 'n' {
				c = '\n'
			} else {
				c = s[i]
			}
		}
		b = append(b, c)
	}
	return b
}
