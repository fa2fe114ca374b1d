// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"strconv"
	"strings"
)

// What negotiateEncoding returns if it is none of the offers.
const (
	identity      = -1
	notAcceptable = -2
)

// negotiateEncoding chooses a response's content coding by the lines of an
// Accept-Encoding header, as RFC 9110, section 12.5.3, has it: names without
// regard to case, q=0 meaning never, "*" for what is not named. It returns the
// index of one of the offers, identity or notAcceptable. Identity is acceptable
// unless it is excluded. Between equals the first offer wins, and any offer over
// identity.
func negotiateEncoding(lines, offers []string) int {
	others, wildcard := codingQuality(lines, "*")
	best, named := codingQuality(lines, "identity")
	switch {
	case named:
	case wildcard:
		best = others
	default:
		// Not excluded, but what is named is wanted more.
		best = math.SmallestNonzeroFloat64
	}
	chosen := identity
	for i, offer := range offers {
		q, named := codingQuality(lines, offer)
		if !named {
			q = others
		}
		if q > best || q == best && chosen == identity {
			chosen, best = i, q
		}
	}
	if best == 0 {
		return notAcceptable
	}
	return chosen
}

// codingQuality returns the highest weight that the header gives to a coding, and
// whether it names it.
func codingQuality(lines []string, coding string) (q float64, named bool) {
	for _, line := range lines {
		for line != "" {
			var element string
			element, line = cutUnquoted(line, ',')
			name, parameters := cutUnquoted(element, ';')
			name = strings.Trim(name, blanks)
			if strings.EqualFold(name, "x-gzip") { // by section 8.4.1.3 the same
				name = "gzip"
			}
			if strings.EqualFold(name, coding) {
				q, named = max(q, quality(parameters)), true
			}
		}
	}
	return q, named
}

// blanks are what may be between the parts of a header.
const blanks = " \t"

// cutUnquoted is strings.Cut for separators outside quoted strings.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parameter returns the value of the first parameter in a list that has a name, and
// whether there is one.
func parameter(list, name string) (value string, ok bool) {
	for list != "" {
		var p string
		p, list = cutUnquoted(list, ';')
		n, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.Trim(n, blanks), name) {
			return unquote(strings.Trim(v, blanks)), true
		}
	}
	return "", false
}

// unquote returns what a quoted string says, and anything else as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// quality returns the weight among an element's parameters: 1 if there is none, 0
// if it cannot be read, for then nothing says that the element is wanted.
func quality(parameters string) float64 {
	value, ok := parameter(parameters, "q")
	if !ok {
		return 1
	}
	// Nothing but digits and a point: no NaN, no exponents. RFC 9110 has three
	// digits after the point, but some clients print all that a float has.
	if strings.Trim(value, "0123456789.") != "" {
		return 0
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0
	}
	return min(q, 1)
}
