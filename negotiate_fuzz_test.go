// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"cmp"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The model of negotiation: a header is read by its grammar (RFC 9110, sections
// 5.6 and 12.4.2), then its elements are sorted and held against each offer.

// item is an element of an Accept or Accept-Encoding header.
type item struct {
	name       string // of a type or coding, in lower case
	parameters map[string]string
	q          int // in thousandths
}

const (
	tokenGrammar  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	valueGrammar  = tokenGrammar + `|"(?:[^"\\\x00-\x08\n-\x1f\x7f]|\\[^\x00-\x08\n-\x1f\x7f])*"`
	paramGrammar  = "[ \t]*;[ \t]*(?:(" + tokenGrammar + ")[ \t]*=[ \t]*(" + valueGrammar + "))?"
	itemGrammar   = "^[ \t]*(?:(" + tokenGrammar + "(?:/" + tokenGrammar + ")?)((?:" + paramGrammar + ")*))?[ \t]*(?:,|$)"
	weightGrammar = `^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$`
)

var (
	itemPattern   = regexp.MustCompile(itemGrammar)
	paramPattern  = regexp.MustCompile(paramGrammar)
	weightPattern = regexp.MustCompile(weightGrammar)
	escapePattern = regexp.MustCompile(`(?s)\\(.)`)
)

// readItems returns a header's elements; false if its meaning is not clear.
func readItems(lines []string) ([]item, bool) {
	var items []item
	for _, line := range lines {
		for line != "" {
			m := itemPattern.FindStringSubmatch(line)
			if m == nil {
				return nil, false
			}
			line = line[len(m[0]):]
			if m[1] == "" {
				continue // lists may have empty elements
			}
			e := item{name: strings.ToLower(m[1]), parameters: make(map[string]string), q: 1000}
			for _, p := range paramPattern.FindAllStringSubmatch(m[2], -1) {
				name, value := strings.ToLower(p[1]), p[2]
				if strings.HasPrefix(value, `"`) {
					value = escapePattern.ReplaceAllString(value[1:len(value)-1], "$1")
				}
				if old, ok := e.parameters[name]; ok && old != value && name != "" {
					return nil, false
				}
				e.parameters[name] = value
			}
			if q, ok := e.parameters["q"]; ok {
				if !weightPattern.MatchString(q) {
					return nil, false
				}
				whole, fraction, _ := strings.Cut(q, ".")
				e.q = 0
				for _, digit := range whole + (fraction + "000")[:3] {
					e.q = 10*e.q + int(digit-'0')
				}
			}
			items = append(items, e)
		}
	}
	return items, true
}

// offer is a format as the model has it: what narrows it down beside its type must
// be in an element exactly or not at all.
type offer struct {
	format Format
	name   string
	is     map[string]string
}

func modelOffers(openMetrics2 bool) []offer {
	om := func(f Format, version string) offer {
		return offer{f, "application/openmetrics-text", map[string]string{"version": version}}
	}
	offers := []offer{
		{FormatText, "text/plain", map[string]string{"version": "0.0.4"}},
		om(FormatOpenMetrics, "1.0.0"),
		{FormatProtobuf, "application/vnd.google.protobuf", map[string]string{"proto": "io.prometheus.client.MetricFamily", "encoding": "delimited"}},
		om(FormatOpenMetrics0, "0.0.1"),
		{FormatText1, "text/plain", map[string]string{"version": "1.0.0"}},
	}
	if openMetrics2 {
		offers = append(offers, om(FormatOpenMetrics2, "2.0.0"))
	}
	return offers
}

// fit returns how narrowly an element names an offer: from 0, a wildcard for
// everything, to 3; -1 if it does not.
func (o offer) fit(e item) int {
	if charset, ok := e.parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return -1
	}
	main, _, _ := strings.Cut(o.name, "/")
	switch e.name {
	case "*/*":
		return 0
	case main + "/*":
		return 1
	case o.name:
	default:
		return -1
	}
	fit := 2
	for name, want := range o.is {
		if got, ok := e.parameters[name]; ok {
			if !strings.EqualFold(got, want) {
				return -1
			}
			fit = 3
		}
	}
	return fit
}

// modelFormat chooses a format's Content-Type.
func modelFormat(items []item, openMetrics2 bool) string {
	offers := modelOffers(openMetrics2)
	offers = slices.DeleteFunc(offers, func(o offer) bool {
		narrowest, q := -1, 1000
		for _, e := range items {
			switch fit := o.fit(e); {
			case fit > narrowest:
				narrowest, q = fit, e.q
			case fit == narrowest && fit >= 0:
				q = max(q, e.q)
			}
		}
		return q == 0
	})
	if len(offers) == 0 {
		return "not acceptable"
	}
	chosen, escaping := offers[0], ""
	ranked := slices.Clone(items)
	slices.SortStableFunc(ranked, func(a, b item) int {
		wild := func(e item) int {
			if slices.Contains([]string{"*/*", "text/*", "application/*"}, e.name) {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(wild(a), wild(b)), cmp.Compare(b.q, a.q))
	})
	found := false
	for _, e := range ranked {
		i := slices.IndexFunc(offers, func(o offer) bool { return o.fit(e) >= 0 })
		if e.q > 0 && i >= 0 && !found {
			chosen, found = offers[i], true
			escaping = "underscores"
			if s, ok := e.parameters["escaping"]; !ok {
				escaping = ""
			} else if i := slices.IndexFunc(escapingNames[:], func(name string) bool { return strings.EqualFold(name, s) }); i >= 0 {
				escaping = escapingNames[i]
			}
		}
	}
	if escaping == "" {
		escaping = "underscores"
		utf8 := slices.ContainsFunc(items, func(e item) bool { return e.q > 0 && strings.EqualFold(e.parameters["escaping"], "allow-utf-8") })
		if chosen.format == FormatOpenMetrics2 || chosen.format == FormatProtobuf && utf8 {
			escaping = "allow-utf-8"
		}
	}
	var b strings.Builder
	b.WriteString(chosen.name)
	for _, name := range []string{"proto", "encoding", "version"} {
		if value, ok := chosen.is[name]; ok {
			b.WriteString("; " + name + "=" + value)
		}
	}
	if chosen.format != FormatProtobuf {
		b.WriteString("; charset=utf-8")
	}
	return b.String() + "; escaping=" + escaping
}

// Headers made of what matters, at random: byte by byte a fuzzer rarely gets there.
func TestNegotiationByModel(t *testing.T) {
	one := func(of ...string) string { return of[rand.IntN(len(of))] }
	weight := func() string {
		return one("", "", ";q=0", "; q=0.5", ";Q=\"0.500\"", ";q=1", ";q=0.001", ";q=0.9", " ; q = 0.000")
	}
	seen := make(map[string]int)
	for range 20_000 {
		var accept, encodings []string
		for range rand.IntN(7) {
			accept = append(accept, one(
				"text/plain", "text/plain", "application/openmetrics-text", "application/openmetrics-text", "application/vnd.google.protobuf",
				"*/*", "text/*", "application/*", "Text/Plain", "text/html", "", " ",
			)+one(
				"", "", ";version=0.0.4", ";version=1.0.0", ";version=1.0.0", ";version=0.0.1", ";version=2.0.0", `;version="1.\0.0"`, ";version=2.0.0-rc",
				";proto=io.prometheus.client.MetricFamily", ";encoding=delimited", ";encoding=text", ";proto=x;encoding=delimited", ";charset=utf-8", ";charset=latin1", `;x="a,;b"`, ";;",
			)+one("", "", ";escaping=allow-utf-8", ";escaping=dots", ";escaping=VALUES", ";escaping=x")+weight())
			encodings = append(encodings, one("gzip", "GZIP", "x-gzip", "zstd", "br", "identity", "*", "deflate", "")+weight())
		}
		separators := []string{",", ", ", "\n", " ,\t"}
		lines := strings.Split(strings.Join(accept, one(separators...)), "\n")
		items, clear := readItems(lines)
		if clear {
			openMetrics2 := rand.IntN(2) == 0
			format, ok := negotiateFormat(lines, openMetrics2)
			got := format.ContentType()
			if !ok {
				got = "not acceptable"
			}
			require.Equal(t, modelFormat(items, openMetrics2), got, "%q, %v", lines, openMetrics2)
			seen[got]++
		}
		lines = strings.Split(strings.Join(encodings, one(separators...)), "\n")
		items, clear = readItems(lines)
		if clear {
			offers := []string{"zstd", "br", "gzip"}[rand.IntN(4):]
			got := encodingName(negotiateEncoding(lines, offers), offers)
			require.Equal(t, modelEncoding(items, offers), got, "%q, %v", lines, offers)
			seen[got]++
		}
	}
	require.Len(t, seen, int(formats*escapings)+len([]string{"not acceptable", "identity", "zstd", "br", "gzip"}))
}

func FuzzAccept(f *testing.F) {
	for _, tc := range scrapers {
		f.Add(tc.accept, false)
		f.Add(tc.accept, true)
	}
	for _, s := range []string{
		"text/plain", "text/plain;version=1.0.0", "application/openmetrics-text;version=2.0.0", "application/openmetrics-text;version=\"0.0.1\"",
		"application/vnd.google.protobuf;encoding=text", "application/vnd.google.protobuf;proto=\"io.prometheus.client.MetricFamily\"",
		"text/plain;q=0", "text/plain;q=0,*/*", "*/*;q=0", "text/*;q=0,application/*;q=0", "*/*;q=0,text/plain;q=0.001", "application/*,text/*",
		"text/plain;q=0\napplication/openmetrics-text;q=0\n*/*;escaping=allow-utf-8", "application/vnd.google.protobuf,x/y;escaping=allow-utf-8",
		"text/plain;charset=utf-8;escaping=dots", "text/plain;charset=latin1;q=0", "text/plain;version=0.0.4;q=0,text/plain;escaping=values",
		"text/plain ; x = \"a,b;c\\\"\" ; Q = 0.5 , application/openmetrics-text", "TEXT/PLAIN;VERSION=\"1\\.0.0\"", ",, ,text/*,", ";", "\"", "\\", "=",
		"text/plain;q=x", "text/plain;q=1.0.0", "text/plain;x=\"", "text/plain;x=\"\\", "text/plain;q=\"\\", "text/plain;q=NaN", "\x00", "é/ü;q=0",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, header string, openMetrics2 bool) {
		lines := strings.Split(header, "\n")
		format, ok := negotiateFormat(lines, openMetrics2)
		got := format.ContentType()
		if !ok {
			got = "not acceptable"
		}
		if items, clear := readItems(lines); clear {
			require.Equal(t, modelFormat(items, openMetrics2), got, "%q", lines)
			joined, joinedOK := negotiateFormat([]string{strings.Join(lines, ", ")}, openMetrics2)
			require.Equal(t, format, joined)
			require.Equal(t, ok, joinedOK)
			return
		}
		// Of what has no clear meaning, some things are clear nevertheless.
		require.NotEmpty(t, got)
		lower := strings.ToLower(header)
		switch {
		case !ok:
			require.Contains(t, lower, "q")
		case format.wire() == FormatOpenMetrics2:
			require.True(t, openMetrics2)
			require.True(t, strings.Contains(lower, "2.0.0") || strings.Contains(lower, "q"), "%q", lines)
		case format.wire() != FormatText:
			require.True(t, strings.Contains(lower, "/plain") || strings.Contains(lower, "text/*") || strings.Contains(lower, "application/"), "%q", lines)
		}
	})
}

// modelEncoding chooses one of the offers.
func modelEncoding(items []item, offers []string) string {
	weightOf := func(coding string) (int, bool) {
		q, named := 0, false
		for _, e := range items {
			if strings.Replace(e.name, "x-gzip", "gzip", 1) == coding && !strings.Contains(e.name, "/") {
				q, named = max(q, e.q), true
			}
		}
		return q, named
	}
	others, _ := weightOf("*")
	type ranked struct {
		name string
		q    int
	}
	var rank []ranked
	for _, name := range offers {
		q, named := weightOf(name)
		if !named {
			q = others
		}
		rank = append(rank, ranked{name, 1000 * q})
	}
	q, named := weightOf("identity")
	if _, wildcard := weightOf("*"); !named && wildcard {
		q, named = others, true
	}
	if named {
		rank = append(rank, ranked{"identity", 1000 * q})
	} else {
		rank = append(rank, ranked{"identity", 1})
	}
	slices.SortStableFunc(rank, func(a, b ranked) int { return cmp.Compare(b.q, a.q) })
	if rank[0].q == 0 {
		return "not acceptable"
	}
	return rank[0].name
}

func FuzzAcceptEncodings(f *testing.F) {
	for _, s := range []string{
		"", "gzip", "zstd,gzip", "gzip, deflate, br, zstd", "gzip;q=1, zstd;q=0.5", "*", "*;q=0", "*;q=0.5,gzip", "identity;q=0", "identity;q=0,*;q=0",
		"identity;q=0.5,zstd;q=0.4,x-gzip;q=0.5", "zstd;q=0,*", "ZSTD;q=\"0.5\"", "zstd\ngzip;q=0.999", "br;x=\"a,gzip\";q=1,gzip;q=0.1", "zstd;q=", "\"", "\\", ";;",
	} {
		for offers := range uint8(5) {
			f.Add(s, offers)
		}
	}
	f.Fuzz(func(t *testing.T, header string, which uint8) {
		lines := strings.Split(header, "\n")
		offers := [][]string{{"zstd", "gzip"}, {"gzip"}, nil, {"br", "zstd", "gzip"}, {"gzip", "zstd"}}[which%5]
		i := negotiateEncoding(lines, offers)
		require.GreaterOrEqual(t, i, notAcceptable)
		require.Less(t, i, len(offers))
		if items, clear := readItems(lines); clear {
			require.Equal(t, modelEncoding(items, offers), encodingName(i, offers), "%q", lines)
		}
	})
}
