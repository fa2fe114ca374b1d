// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"strings"

	"github.com/embermetrics/ember/internal/childmap"
)

// lines is what the text formats have in common: a family has a header, and a
// series is its name with labels, at the start of a line.
type lines struct {
	output
	escaping Escaping

	now    *familyInfo
	name   string // of the family, spelled
	quoted bool   // the name stands between quotes
	header bool   // of the family: written

	shared   string           // the part's shared labels, spelled
	from, to *childmap.Syntax // see partInfo.syntaxes

	suffix [lineKinds]string // of the names of lines
	ahead  [lineKinds][]byte // what stands in them before labels of the series' own; empty: not known yet
	began  int               // where the last line begins in buf
}

// lineKind is what a line says of a series.
type lineKind uint8

const (
	itself lineKind = iota // its value, if it has but one, or a quantile
	bucketLine
	sumLine
	countLine
	gsumLine
	gcountLine
	createdLine

	lineKinds = iota
)

var suffixes = [lineKinds]string{"", "_bucket", "_sum", "_count", "_gsum", "_gcount", "_created"}

func (l *lines) begin(f Format) { l.escaping = f.escaping() }

func (l *lines) end() {}

func (l *lines) start(f *familyInfo) {
	l.now, l.header, l.suffix = f, false, suffixes
	l.name = f.spelled[l.escaping]
	l.quoted = !f.classic && l.escaping == EscapingAllowUTF8
}

func (l *lines) names() (*familyInfo, Escaping) { return l.now, l.escaping }

func (l *lines) part(p *partInfo) {
	l.shared = p.text[l.escaping]
	l.from, l.to = p.syntaxes(l.escaping)
	for i := range l.ahead {
		l.ahead[i] = l.ahead[i][:0]
	}
}

// metadata writes a line of a family's header: # TYPE x counter. In the text it
// escapes what is escaped everywhere, and quotes if asked.
func (l *lines) metadata(keyword, text string, quotes bool) {
	b := append(append(append(l.buf, "# "...), keyword...), ' ')
	if l.quoted {
		b = append(append(append(b, '"'), l.name...), '"')
	} else {
		b = append(b, l.name...)
	}
	b = appendEscaped(append(b, ' '), text, quotes)
	l.buf = append(b, '\n')
}

// series writes a line up to the value: name, suffix, labels. The last one, if it is not
// one of the series' own, comes with what follows it.
func (l *lines) series(kind lineKind, labels, last string) {
	l.began = len(l.buf)
	ahead := l.ahead[kind]
	if len(ahead) == 0 || labels == "" || l.to != nil {
		l.unusual(kind, labels, last)
		return
	}
	b := append(append(l.buf, ahead...), labels...)
	if last == "" {
		l.buf = append(b, '}', ' ')
		return
	}
	l.buf = append(append(b, ','), last...)
}

// unusual is series for the first line of its kind, and what is not as usual.
func (l *lines) unusual(kind lineKind, labels, last string) {
	b, open := l.opened(l.ahead[kind][:0], l.suffix[kind])
	l.ahead[kind] = append(b, open)
	b = append(l.buf, b...)
	if labels != "" {
		b = append(b, open)
		if l.to == nil {
			b = append(b, labels...)
		} else {
			b = l.from.AppendAs(b, labels, l.to)
		}
		open = ','
	}
	switch {
	case last != "":
		b = append(append(b, open), last...)
	case open == ',':
		b = append(b, '}', ' ')
	default:
		b = append(b, ' ')
	}
	l.buf = b
}

// opened writes the beginning of a line, up to where labels of the series' own go, and
// returns what must stand before them.
func (l *lines) opened(b []byte, suffix string) ([]byte, byte) {
	open := byte('{')
	if l.quoted {
		b = append(b, '{', '"')
		open = ','
	}
	b = append(append(b, l.name...), suffix...)
	if l.quoted {
		b = append(b, '"')
	}
	if l.shared != "" {
		b = append(append(b, open), l.shared...)
		open = ','
	}
	return b, open
}

// line returns the line that series has just written, without its last label, so that
// further ones can begin like it.
func (l *lines) line(last string) []byte { return l.buf[l.began : len(l.buf)-len(last)] }

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
