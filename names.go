// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"strconv"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// Names may be any UTF-8, but readers that have not asked for that get letters,
// digits, underscores and (in metric names) colons only, by one of the schemes of
// https://prometheus.io/docs/instrumenting/escaping_schemes/. Where that page and
// prometheus/common, which all readers have met, differ, these are as common has
// them: classic names stay as they are, and code points are in lower case.

// spelling is a name in each Escaping, as lines of text have it: without the quotes
// that a name needs there if it is not classic, but ready to be quoted.
type spelling [escapings]string

// spellMetric returns how a metric's name is spelled.
func spellMetric(name string) spelling { return spell(name, true) }

// spellings returns the different ones of spellMetric, or some of them twice.
func spellings(name string) []string {
	s := spellMetric(name)
	if s[EscapingDots] == name {
		return s[:1]
	}
	return s[:]
}

func spell(name string, colon bool) spelling {
	if classic(name, colon) {
		return spelling{name, name, name, name}
	}
	var s spelling
	for e := range s {
		s[e] = escapeTo(name, Escaping(e), colon)
	}
	return s
}

// escapeName returns a metric's name as it is written with underscores.
func escapeName(name string) string { return escapeTo(name, EscapingUnderscores, true) }

// alike returns as what two label names are both written, if some Escaping makes them
// the same.
func alike(a, b string) (both string, ok bool) {
	if classic(a, false) && classic(b, false) {
		return a, a == b
	}
	for e := range Escaping(escapings) {
		if both = escapeTo(a, e, false); both == escapeTo(b, e, false) {
			return both, true
		}
	}
	return "", false
}

// appendLabelName appends a label's name as it stands before the equals sign.
func appendLabelName(b []byte, name string, e Escaping) []byte {
	if classic(name, false) {
		return append(b, name...)
	}
	if e == EscapingAllowUTF8 {
		return append(appendEscaped(append(b, '"'), name, true), '"')
	}
	return append(b, escapeTo(name, e, false)...)
}

// labelSpellings returns label names as they stand before the equals sign.
func labelSpellings(labels []string, e Escaping) []string {
	spelled := make([]string, len(labels))
	for i, name := range labels {
		spelled[i] = string(appendLabelName(nil, name, e))
	}
	return spelled
}

// appendLabels appends labels as they are written: a="x",b="y".
func appendLabels(b []byte, labels []metric.Label, e Escaping) []byte {
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendLabelName(b, l.Name, e)
		b = append(b, '=', '"')
		b = appendEscaped(b, l.Value, true)
		b = append(b, '"')
	}
	return b
}

// classic reports whether every reader knows a name.
//
//go:noinline
func classic(name string, colon bool) bool {
	for i := range len(name) {
		if !classicRune(rune(name[i]), i, colon) {
			return false
		}
	}
	return name != ""
}

func classicRune(c rune, i int, colon bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colon || c >= '0' && c <= '9' && i > 0
}

func escapeTo(name string, e Escaping, colon bool) string {
	if classic(name, colon) {
		return name
	}
	if e == EscapingAllowUTF8 {
		return string(appendEscaped(nil, name, true))
	}
	var b strings.Builder
	if e == EscapingValues {
		b.WriteString("U__")
	}
	for i, c := range name {
		switch {
		case c == '_' && e != EscapingUnderscores:
			b.WriteString("__")
		case classicRune(c, i, colon):
			b.WriteRune(c)
		case e == EscapingUnderscores:
			b.WriteByte('_')
		case e == EscapingValues:
			b.WriteByte('_')
			b.WriteString(strconv.FormatInt(int64(c), 16))
			b.WriteByte('_')
		case c == '.':
			b.WriteString("_dot_")
		default:
			b.WriteString("__")
		}
	}
	return b.String()
}
