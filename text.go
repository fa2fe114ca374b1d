// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"strconv"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// textEncoder writes the text format 0.0.4.
type textEncoder struct {
	output
	now    *familyInfo
	header bool // the family's HELP and TYPE are written
	shared string
	tmp    scratch
}

func (e *textEncoder) scratch() *scratch { return &e.tmp }

func (e *textEncoder) family(f *familyInfo) { e.now, e.header = f, false }

func (e *textEncoder) part(p *partInfo) { e.shared = p.text }

// textTypes are the kinds as this format calls them.
var textTypes = [...]string{"untyped", "counter", "gauge", "histogram", "summary"}

func (e *textEncoder) writeHeader() {
	e.header = true
	b := e.buf
	if e.now.help != "" {
		b = append(b, "# HELP "...)
		b = append(b, e.now.written...)
		b = append(b, ' ')
		b = appendEscaped(b, e.now.help, false)
		b = append(b, '\n')
	}
	b = append(b, "# TYPE "...)
	b = append(b, e.now.written...)
	b = append(b, ' ')
	b = append(b, textTypes[e.now.kind]...)
	e.buf = append(b, '\n')
}

// series writes a line up to the value: name, suffix, labels.
func (e *textEncoder) series(suffix, labels, extra string) {
	if !e.header {
		e.writeHeader()
	}
	b := append(e.buf, e.now.written...)
	b = append(b, suffix...)
	open := byte('{')
	if e.shared != "" {
		b = append(append(b, open), e.shared...)
		open = ','
	}
	if labels != "" {
		b = append(append(b, open), labels...)
		open = ','
	}
	if extra != "" {
		b = append(append(b, open), extra...)
		open = ','
	}
	if open == ',' {
		b = append(b, '}')
	}
	e.buf = append(b, ' ')
}

func (e *textEncoder) value(labels string, v float64) {
	e.series("", labels, "")
	e.buf = append(appendFloat(e.buf, v), '\n')
	e.spill()
}

func (e *textEncoder) count(n uint64) { e.buf = append(appendCount(e.buf, n), '\n') }

func (e *textEncoder) float(v float64) { e.buf = append(appendFloat(e.buf, v), '\n') }

func (e *textEncoder) histogram(labels string, s *histogramSnapshot) {
	for i, n := range s.buckets {
		e.series("_bucket", labels, s.le[i])
		e.count(n)
	}
	e.totals(labels, s.sum, s.count)
}

func (e *textEncoder) summary(labels string, s *summarySnapshot) {
	for i, v := range s.values {
		e.series("", labels, s.labels[i])
		e.float(v)
	}
	e.totals(labels, s.sum, s.count)
}

// totals writes what histograms and summaries end with.
func (e *textEncoder) totals(labels string, sum float64, count uint64) {
	e.series("_sum", labels, "")
	e.float(sum)
	e.series("_count", labels, "")
	e.count(count)
	e.spill()
}

// appendLabels appends labels as they are written: a="x",b="y".
func appendLabels(b []byte, labels []metric.Label) []byte {
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, escapeLabel(l.Name)...)
		b = append(b, '=', '"')
		b = appendEscaped(b, l.Value, true)
		b = append(b, '"')
	}
	return b
}

// appendEscaped escapes backslashes and line feeds and, if asked, quotes.
func appendEscaped(b []byte, s string, quotes bool) []byte {
	special := "\\\n"
	if quotes {
		special = "\\\n\""
	}
	for {
		i := strings.IndexAny(s, special)
		if i < 0 {
			return append(b, s...)
		}
		b = append(b, s[:i]...)
		c := s[i]
		if c == '\n' {
			c = 'n'
		}
		b = append(b, '\\', c)
		s = s[i+1:]
	}
}

// appendFloat appends v in the shortest form that reads back as v, as
// strconv's format 'g' has it: byte for byte what Go programs have always
// exposed. Whole numbers take a short cut.
func appendFloat(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v && n < 1<<53 && n > -1<<53 && (n != 0 || !math.Signbit(v)) {
		if n < 0 {
			return appendWhole(append(b, '-'), uint64(-n))
		}
		return appendWhole(b, uint64(n))
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendCount appends n as the float64 that a reader of this format makes of it.
func appendCount(b []byte, n uint64) []byte {
	if n < 1<<53 {
		return appendWhole(b, n)
	}
	return strconv.AppendFloat(b, float64(n), 'g', -1, 64)
}

// appendWhole appends a whole number that float64 holds exactly. From seven digits
// on, 'g' writes an exponent. No digits shorter than n's own, less trailing zeros,
// read back as n.
func appendWhole(b []byte, n uint64) []byte {
	if n < 1e6 {
		return strconv.AppendUint(b, n, 10)
	}
	start := len(b)
	b = strconv.AppendUint(append(b, 0), n, 10) // one byte ahead for the point
	exponent := len(b) - start - 2
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	b[start] = b[start+1]
	if len(b) == start+2 {
		b = b[:start+1]
	} else {
		b[start+1] = '.'
	}
	b = append(b, 'e', '+', byte('0'+exponent/10), byte('0'+exponent%10))
	return b
}
