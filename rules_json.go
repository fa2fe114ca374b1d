// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader reads JSON of a known shape. Package encoding/json would do, but every
// program would link it for the sake of this, 120 kB; it says of few errors where they are,
// and takes the last of two values for one key.
//
// After an error all methods do nothing.
type jsonReader struct {
	text string
	at   int
	flaw string // what is wrong; "": nothing so far
	line int    // where
}

// readJSON reads an array of rules.
func readJSON(text string) ([]Rule, error) {
	r := jsonReader{text: text}
	rules := []Rule{}
	for i, c := range text {
		if c == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			r.at = i
			r.fail("this is not valid UTF-8: %s", r.found())
			break
		}
	}
	r.list("an array of rules", func() {
		rules = append(rules, Rule{})
		r.rule(&rules[len(rules)-1])
	})
	if r.next(); r.at < len(r.text) {
		r.fail("there is something after the rules: %s", r.found())
	}
	switch {
	case r.flaw == "":
		return rules, nil
	case len(rules) == 0:
		return nil, errorf("line %d: %s", r.line, r.flaw)
	}
	return nil, errorf("rule %d, line %d: %s", len(rules), r.line, r.flaw)
}

func (r *jsonReader) rule(rule *Rule) {
	r.object("a rule", func(name string) {
		switch name {
		case "metric":
			rule.Metric = r.string("a name")
		case "drop":
			rule.Drop = r.bool()
		case "drop_labels":
			rule.DropLabels = r.strings("an array of label names", "a label's name")
		case "rename_labels":
			rule.RenameLabels = make(map[string]string)
			r.object("an object of label names", func(label string) { rule.RenameLabels[label] = r.string("a label's name") })
		case "buckets":
			r.list("an array of numbers", func() { rule.Buckets = append(rule.Buckets, r.float()) })
		case "max_series":
			rule.MaxSeries = r.int()
		case "label_budgets":
			rule.LabelBudgets = make(map[string]int)
			r.object("an object of numbers", func(label string) { rule.LabelBudgets[label] = r.int() })
		case "known_values":
			rule.KnownValues = make(map[string][]string)
			r.object("an object of arrays", func(label string) { rule.KnownValues[label] = r.strings("an array of values", "a value") })
		default:
			r.fail("a rule has no field %q", name)
		}
	})
}

// fail notes what is wrong, and goes to the end.
func (r *jsonReader) fail(format string, args ...any) {
	if r.flaw == "" {
		r.flaw = fmt.Sprintf(format, args...)
		r.line = 1 + strings.Count(r.text[:r.at], "\n")
		r.at = len(r.text)
	}
}

// next skips white space and returns what comes then, 0 at the end.
func (r *jsonReader) next() byte {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

// found says what comes next.
func (r *jsonReader) found() string {
	if r.next(); r.at == len(r.text) {
		return "the end"
	}
	return fmt.Sprintf("%.10q", r.text[r.at:])
}

// take skips a character if it comes next.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c || r.at == len(r.text) {
		return false
	}
	r.at++
	return true
}

// expect skips a character that must come next.
func (r *jsonReader) expect(c byte, what string) bool {
	if !r.take(c) {
		r.fail("there must be %s, not %s", what, r.found())
		return false
	}
	return true
}

// list calls f for each element of an array, to read it.
func (r *jsonReader) list(what string, f func()) { r.each('[', ']', what, f) }

// object calls f for each value of an object, to read it.
func (r *jsonReader) object(what string, f func(key string)) {
	seen := make(map[string]bool)
	r.each('{', '}', what, func() {
		key := r.string("a key")
		if seen[key] {
			r.fail("%q stands twice", key)
		}
		seen[key] = true
		if r.expect(':', "a colon") {
			f(key)
		}
	})
}

func (r *jsonReader) each(open, end byte, what string, f func()) {
	if !r.expect(open, what) || r.take(end) {
		return
	}
	for r.flaw == "" {
		f()
		if r.take(end) {
			return
		}
		r.expect(',', "a comma or the end of "+what)
	}
}

func (r *jsonReader) strings(what, each string) []string {
	list := []string{}
	r.list(what, func() { list = append(list, r.string(each)) })
	return list
}

func (r *jsonReader) bool() bool {
	for _, word := range []string{"true", "false"} {
		if r.next(); strings.HasPrefix(r.text[r.at:], word) {
			r.at += len(word)
			return word == "true"
		}
	}
	r.fail("there must be true or false, not %s", r.found())
	return false
}

// number returns the text of a number.
func (r *jsonReader) number(what string) string {
	r.next()
	start := r.at
	digits := func() (n int) {
		for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
			r.at++
			n++
		}
		return n
	}
	one := func(of string) bool {
		if r.at == len(r.text) || strings.IndexByte(of, r.text[r.at]) < 0 {
			return false
		}
		r.at++
		return true
	}
	one("-")
	ok := one("0") || digits() > 0
	if one(".") {
		ok = digits() > 0 && ok
	}
	if one("eE") {
		one("+-")
		ok = digits() > 0 && ok
	}
	text := r.text[start:r.at]
	if !ok {
		r.at = start
		r.fail("there must be %s, not %s", what, r.found())
	}
	return text
}

func (r *jsonReader) float() float64 {
	text := r.number("a number")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.fail("the number %s is too large", text)
	}
	return v
}

func (r *jsonReader) int() int {
	text := r.number("a whole number")
	v, err := strconv.Atoi(text)
	if err != nil {
		r.fail("there must be a whole number, not %s", text)
	}
	return v
}

func (r *jsonReader) string(what string) string {
	if !r.expect('"', what) {
		return ""
	}
	var b strings.Builder
	for r.at < len(r.text) && r.text[r.at] >= ' ' {
		c := r.text[r.at]
		r.at++
		switch c {
		case '"':
			return b.String()
		case '\\':
			r.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	r.fail("a string does not end in its line")
	return ""
}

func (r *jsonReader) escape(b *strings.Builder) {
	if r.at == len(r.text) {
		return
	}
	c := r.text[r.at]
	r.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		return
	}
	if c != 'u' {
		r.fail("there is no escape \\%c", c)
		return
	}
	high := r.hex()
	if utf16.IsSurrogate(high) {
		start := r.at
		if strings.HasPrefix(r.text[r.at:], `\u`) {
			r.at += 2
			if both := utf16.DecodeRune(high, r.hex()); both != utf8.RuneError {
				b.WriteRune(both)
				return
			}
		}
		if r.flaw == "" {
			r.at = start
		}
		high = utf8.RuneError
	}
	b.WriteRune(high)
}

func (r *jsonReader) hex() rune {
	var err error = errors.ErrUnsupported
	var n uint64
	if len(r.text) >= r.at+4 {
		n, err = strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	}
	if err != nil {
		r.fail("\\u must come before four hexadecimal digits")
		return utf8.RuneError
	}
	r.at += 4
	return rune(n)
}
