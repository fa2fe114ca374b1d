// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"bytes"
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
}

func (l *lines) begin(f Format) { l.escaping = f.escaping() }

func (l *lines) end() {}

func (l *lines) start(f *familyInfo) {
	l.now, l.header = f, false
	l.name = f.spelled[l.escaping]
	l.quoted = !f.classic && l.escaping == EscapingAllowUTF8
}

func (l *lines) names() (*familyInfo, Escaping) { return l.now, l.escaping }

func (l *lines) part(p *partInfo) {
	l.shared = p.text[l.escaping]
	l.from, l.to = p.syntaxes(l.escaping)
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

// series writes a line up to the value: name, suffix, labels.
func (l *lines) series(suffix, labels, extra string) {
	b := l.buf
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
	if labels != "" {
		b = append(b, open)
		if l.to == nil {
			b = append(b, labels...)
		} else {
			b = l.from.AppendAs(b, labels, l.to)
		}
		open = ','
	}
	if extra != "" {
		b = append(append(b, open), extra...)
		open = ','
	}
	if open == ',' {
		b = append(b, '}')
	}
	l.buf = append(b, ' ')
}

// last returns where the line stands that series has just written, without its last
// label, so that alike can copy it.
func (l *lines) last(extra string) (from, to int) {
	to = len(l.buf) - len(extra) - len("} ")
	return bytes.LastIndexByte(l.buf[:to], '\n') + 1, to // no line has a line feed in it
}

// alike writes a line up to the value like the one from up to to, but for the last
// label.
func (l *lines) alike(from, to int, extra string) {
	b := append(append(l.buf, l.buf[from:to]...), extra...)
	l.buf = append(b, '}', ' ')
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
