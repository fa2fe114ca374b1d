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

	plain string // the suffix of the lines that have a value and nothing else
	ahead []byte // what stands in those before labels of the series' own
	began int    // where the last line begins in buf
}

func (l *lines) begin(f Format) { l.escaping = f.escaping() }

func (l *lines) end() {}

func (l *lines) start(f *familyInfo) {
	l.now, l.header, l.plain = f, false, ""
	l.name = f.spelled[l.escaping]
	l.quoted = !f.classic && l.escaping == EscapingAllowUTF8
}

func (l *lines) names() (*familyInfo, Escaping) { return l.now, l.escaping }

func (l *lines) part(p *partInfo) {
	l.shared = p.text[l.escaping]
	l.from, l.to = p.syntaxes(l.escaping)
	b, open := l.opened(l.ahead[:0], l.plain)
	l.ahead = append(b, open)
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
	l.began = len(l.buf)
	if labels != "" && extra == "" && l.to == nil && suffix == l.plain {
		l.buf = append(append(append(l.buf, l.ahead...), labels...), "} "...)
		return
	}
	b, open := l.opened(l.buf, suffix)
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

// last returns where the line stands that series has just written, without its last
// label, so that further ones can begin like it.
func (l *lines) last(extra string) (from, to int) {
	return l.began, len(l.buf) - len(extra) - len("} ")
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
