// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// key is what the key of a record says: JSON of one of
//
//	["family", "sample", {"label": "value", …}, "help"]
//	["family", "sample", {"label": "value", …}]            before there was a help
//	["family", "sample", ["label", …], ["value", …]]       before that
//
// Everything in it is valid until the next parse.
type key struct {
	family, sample, help []byte
	labels               []pair

	in   []byte // what is still to be parsed
	text []byte // what strings are decoded to: never longer than the JSON of it
}

type pair struct{ name, value []byte }

// parse parses a key, and returns what is wrong with it. It is as strict as JSON, but for
// half surrogate pairs.
func (k *key) parse(raw []byte) (wrong string) {
	k.in = raw
	if cap(k.text) < len(raw) {
		k.text = make([]byte, 0, len(raw)+len(raw)/2)
	}
	k.text, k.labels = k.text[:0], k.labels[:0]
	k.help = nil
	if !k.take('[') || !k.string(&k.family) || !k.take(',') || !k.string(&k.sample) || !k.take(',') {
		return "is not a list of a family, a sample and labels"
	}
	switch {
	case k.take('{'):
		if !k.object() {
			return "has no labels that can be read"
		}
		if k.take(',') && !k.null() && !k.string(&k.help) {
			return "has no help that can be read"
		}
	case k.take('['):
		if !k.lists() {
			return "has no labels that can be read"
		}
	default:
		return "has no labels"
	}
	if !k.take(']') {
		return "does not end after the help"
	}
	if k.space(); len(k.in) > 0 {
		return "goes on after its end"
	}
	for i := range k.labels {
		for j := range i {
			if bytes.Equal(k.labels[i].name, k.labels[j].name) {
				return "has a label twice"
			}
		}
	}
	return ""
}

// object parses labels after the opening brace.
func (k *key) object() bool {
	if k.take('}') {
		return true
	}
	for {
		var p pair
		if !k.string(&p.name) || !k.take(':') || !k.string(&p.value) {
			return false
		}
		k.labels = append(k.labels, p)
		if !k.take(',') {
			return k.take('}')
		}
	}
}

// lists parses the labels' names after the opening bracket, and the list of values.
func (k *key) lists() bool {
	var s []byte
	for first := true; !k.take(']'); first = false {
		if !first && !k.take(',') || !k.string(&s) {
			return false
		}
		k.labels = append(k.labels, pair{name: s})
	}
	if !k.take(',') || !k.take('[') {
		return false
	}
	for i := range k.labels {
		if i > 0 && !k.take(',') || !k.string(&k.labels[i].value) {
			return false
		}
	}
	return k.take(']')
}

func (k *key) space() {
	for len(k.in) > 0 && (k.in[0] == ' ' || k.in[0] == '\t' || k.in[0] == '\n' || k.in[0] == '\r') {
		k.in = k.in[1:]
	}
}

// take skips whitespace, and c if it comes next.
func (k *key) take(c byte) bool {
	k.space()
	if len(k.in) == 0 || k.in[0] != c {
		return false
	}
	k.in = k.in[1:]
	return true
}

func (k *key) null() bool {
	k.space()
	rest, ok := bytes.CutPrefix(k.in, []byte("null"))
	k.in = rest
	return ok
}

// string parses a string. Half a surrogate pair, which Python has for bytes that are not
// UTF-8, becomes U+FFFD.
func (k *key) string(s *[]byte) bool {
	if !k.take('"') {
		return false
	}
	from := len(k.text)
	for {
		plain := 0
		for plain < len(k.in) && k.in[plain] >= ' ' && k.in[plain] != '"' && k.in[plain] != '\\' {
			plain++
		}
		k.text = append(k.text, k.in[:plain]...)
		k.in = k.in[plain:]
		if len(k.in) == 0 {
			return false
		}
		c := k.in[0]
		k.in = k.in[1:]
		switch {
		case c == '"':
			*s = k.text[from:len(k.text):len(k.text)]
			return utf8.Valid(*s)
		case c != '\\' || !k.escape():
			return false
		}
	}
}

// escape parses what follows a backslash.
func (k *key) escape() bool {
	if len(k.in) == 0 {
		return false
	}
	c := k.in[0]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := hex4(k.in[1:])
		if !ok {
			return false
		}
		k.in = k.in[5:]
		if utf16.IsSurrogate(r) {
			r = k.pair(r)
		}
		k.text = utf8.AppendRune(k.text, r)
		return true
	default:
		return false
	}
	k.text = append(k.text, c)
	k.in = k.in[1:]
	return true
}

// pair returns what a surrogate and the one that follows are together. If none follows
// that goes with it, nothing is skipped.
func (k *key) pair(first rune) rune {
	if len(k.in) >= 6 && k.in[0] == '\\' && k.in[1] == 'u' {
		if second, ok := hex4(k.in[2:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				k.in = k.in[6:]
				return r
			}
		}
	}
	return utf8.RuneError
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
