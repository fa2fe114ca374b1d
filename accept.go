// SPDX-License-Identifier: Apache-2.0

package ember

import "strings"

// negotiateFormat chooses a response's format by the lines of an Accept header, as
// RFC 9110, section 12.5.1, has it. It returns false if the client excludes all
// that there is.
//
// The format that is named with the highest weight wins, of equals the first.
// Wildcards count only where no format is named, whatever their weight: clients
// send them as a last resort, and Prometheus 2.49.0 sent */*;q=2. Weight 0 excludes
// what it is given to, unless something narrower says otherwise. Who asks for
// nothing that there is gets text, for everybody can read that.
func negotiateFormat(lines []string, openMetrics2 bool) (f Format, ok bool) {
	a := accept{offers: preference[:]}
	if !openMetrics2 {
		a.offers = a.offers[:len(a.offers)-1]
	}
	for _, line := range lines {
		for line != "" {
			var element string
			element, line = cutUnquoted(line, ',')
			a.add(element)
		}
	}
	f, c, ok := a.best(0, rangeText)
	if !ok {
		f, c, ok = a.best(rangeText, ranges)
	}
	if !ok {
		f, ok = a.within(rangeAny)
	}
	return f.WithEscaping(a.escaping(f, c)), ok
}

// preference is what serves an element that several formats match: the first one
// that is not excluded. OpenMetrics 2.0.0 is last, so that it can be left out.
var preference = [...]Format{
	FormatText, FormatOpenMetrics, FormatProtobuf, FormatOpenMetrics0, FormatText1, FormatOpenMetrics2,
}

// mediaRange is what an element of an Accept header can name. Those below formats
// are the formats themselves.
type mediaRange uint8

const (
	rangePlain       mediaRange = formats + iota // text/plain of any version
	rangeOpenMetrics                             // OpenMetrics of any version
	rangeProtobuf                                // metrics in protobuf, no matter which message
	rangeText                                    // text/*, the first wildcard
	rangeApplication                             // application/*
	rangeAny                                     // */*

	ranges
)

var mediaRanges = [...]struct {
	name string
	as   mediaRange
}{
	{"text/plain", rangePlain},
	{"application/openmetrics-text", rangeOpenMetrics},
	{"application/vnd.google.protobuf", rangeProtobuf},
	{"text/*", rangeText},
	{"application/*", rangeApplication},
	{"*/*", rangeAny},
}

// around has the ranges that a format is in, the narrowest first.
var around = [formats][4]mediaRange{
	FormatText:         {mediaRange(FormatText), rangePlain, rangeText, rangeAny},
	FormatText1:        {mediaRange(FormatText1), rangePlain, rangeText, rangeAny},
	FormatOpenMetrics:  {mediaRange(FormatOpenMetrics), rangeOpenMetrics, rangeApplication, rangeAny},
	FormatOpenMetrics0: {mediaRange(FormatOpenMetrics0), rangeOpenMetrics, rangeApplication, rangeAny},
	FormatOpenMetrics2: {mediaRange(FormatOpenMetrics2), rangeOpenMetrics, rangeApplication, rangeAny},
	FormatProtobuf:     {mediaRange(FormatProtobuf), rangeProtobuf, rangeApplication, rangeAny},
}

// clause is what a header says of one range. The zero clause: nothing.
type clause struct {
	position int // among the header's elements, from 1 on
	q        float64
	escaping Escaping
	escapes  bool // the escaping is named
}

// accept is an Accept header as far as it matters here. Its size does not depend
// on the header's.
type accept struct {
	offers   []Format
	clauses  [ranges]clause // by range the one with the highest weight, of equals the first
	elements int            // how many were added
	utf8     bool           // some element with a weight above 0 allows UTF-8
}

// add reads one element of the list. One that names nothing known is of no
// consequence, except that its escaping says what the client can read.
func (a *accept) add(element string) {
	name, parameters := cutUnquoted(element, ';')
	a.elements++
	c := clause{position: a.elements, q: quality(parameters)}
	var escaping string
	if escaping, c.escapes = parameter(parameters, "escaping"); c.escapes {
		for e, name := range escapingNames {
			if strings.EqualFold(escaping, name) {
				c.escaping = Escaping(e)
			}
		}
		a.utf8 = a.utf8 || c.q > 0 && c.escaping == EscapingAllowUTF8
	}
	r := rangeOf(strings.Trim(name, blanks), parameters)
	if r == ranges {
		return
	}
	if old := &a.clauses[r]; old.position == 0 || c.q > old.q {
		*old = c
	}
}

// rangeOf returns what an element names; ranges if that is nothing here.
func rangeOf(name, parameters string) mediaRange {
	r := ranges
	for i := range mediaRanges {
		if strings.EqualFold(name, mediaRanges[i].name) {
			r = mediaRanges[i].as
		}
	}
	if charset, ok := parameter(parameters, "charset"); ok && !strings.EqualFold(charset, "utf-8") {
		return ranges
	}
	switch r {
	case rangePlain, rangeOpenMetrics:
		version, ok := parameter(parameters, "version")
		switch {
		case !ok:
			return r
		case r == rangePlain && version == "0.0.4":
			return mediaRange(FormatText)
		case r == rangePlain && version == "1.0.0":
			return mediaRange(FormatText1)
		case r == rangeOpenMetrics && version == "1.0.0":
			return mediaRange(FormatOpenMetrics)
		case r == rangeOpenMetrics && version == "0.0.1":
			return mediaRange(FormatOpenMetrics0)
		case r == rangeOpenMetrics && version == "2.0.0":
			return mediaRange(FormatOpenMetrics2)
		}
		return ranges
	case rangeProtobuf:
		proto, message := parameter(parameters, "proto")
		encoding, framed := parameter(parameters, "encoding")
		switch {
		case message && !strings.EqualFold(proto, "io.prometheus.client.MetricFamily"),
			framed && !strings.EqualFold(encoding, "delimited"):
			return ranges
		case message || framed:
			return mediaRange(FormatProtobuf)
		}
	}
	return r
}

// best returns the format that serves the best clause among those from first until
// last, and that clause.
func (a *accept) best(first, last mediaRange) (f Format, c clause, ok bool) {
	for r := first; r < last; r++ {
		n := a.clauses[r]
		if n.q == 0 || n.q < c.q || n.q == c.q && n.position > c.position {
			continue
		}
		if g, some := a.within(r); some {
			f, c, ok = g, n, true
		}
	}
	return f, c, ok
}

// within returns the first format in r that is not excluded.
func (a *accept) within(r mediaRange) (Format, bool) {
	for _, f := range a.offers {
		for _, in := range around[f] {
			if in == r && !a.excluded(f) {
				return f, true
			}
		}
	}
	return FormatText, false
}

// excluded says whether the narrowest range that the header has for f has weight 0.
func (a *accept) excluded(f Format) bool {
	for _, r := range around[f] {
		if c := &a.clauses[r]; c.position > 0 {
			return c.q == 0
		}
	}
	return false
}

// escaping returns how f, chosen for c, writes names. Readers of OpenMetrics 2.0.0
// know UTF-8. Prometheus from 3.4 to 3.16 does not say that it can read UTF-8 in
// protobuf too, but it says so of other formats.
func (a *accept) escaping(f Format, c clause) Escaping {
	switch {
	case c.escapes:
		return c.escaping
	case f == FormatOpenMetrics2, f == FormatProtobuf && a.utf8:
		return EscapingAllowUTF8
	default:
		return EscapingUnderscores
	}
}
