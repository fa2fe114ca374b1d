// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// openReader reads OpenMetrics line by line and accepts nothing that is not exactly as
// the formats have it, be it ever so harmless: 1.0.0, or 2.0.0.
type openReader struct {
	t    testing.TB
	two  bool
	utf8 bool // quoted names may occur

	line string // what is left of it
	all  []*metric.Family
	now  *metric.Family // whose series may come

	// The present family's series, which 1.0.0 spreads over lines.
	points map[string]*metric.Point
	names  map[string]bool // of families and their samples
	series map[string]bool // samples, with all labels
	last   string          // the series that the line before was of
	done   map[string]bool // series that others came after
}

// readOpenMetrics returns the families of a text, with the kinds, names and units that
// it says.
func readOpenMetrics(t testing.TB, text string, two, utf8 bool) []*metric.Family {
	t.Helper()
	r := &openReader{t: t, two: two, utf8: utf8, names: make(map[string]bool), series: make(map[string]bool)}
	body, ok := strings.CutSuffix(text, "# EOF\n")
	require.True(t, ok, "does not end in # EOF: %q", text)
	require.True(t, body == "" || strings.HasSuffix(body, "\n"))
	seen := ""
	for line := range strings.Lines(body) {
		r.line = strings.TrimSuffix(line, "\n")
		if r.line == "" {
			r.fail("an empty line")
		}
		if keyword, ok := r.metadata(); ok {
			seen = r.header(keyword, seen)
		} else {
			seen = ""
			r.sample()
		}
		if r.line != "" {
			r.fail("left over")
		}
	}
	for _, f := range r.all {
		if len(f.Points) == 0 {
			r.fail("no series of %s", f.Name)
		}
		for _, p := range f.Points {
			if n := len(p.Buckets); n > 0 || !two && (f.Kind == metric.Histogram || f.Kind == metric.GaugeHistogram) {
				require.NotZero(t, n)
				require.Equal(t, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count, Exemplar: p.Buckets[n-1].Exemplar}, p.Buckets[n-1])
			}
		}
	}
	return r.all
}

// notNative is the schema of what holds exemplars alone.
const notNative = math.MinInt16

func (r *openReader) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("%s, before %.100q", fmt.Sprintf(format, args...), r.line)
}

func (r *openReader) next(want string) {
	r.t.Helper()
	rest, ok := strings.CutPrefix(r.line, want)
	if !ok {
		r.fail("no %q", want)
	}
	r.line = rest
}

func (r *openReader) metadata() (keyword string, ok bool) {
	for _, keyword := range []string{"TYPE", "UNIT", "HELP"} {
		if rest, ok := strings.CutPrefix(r.line, "# "+keyword+" "); ok {
			r.line = rest
			return keyword, true
		}
	}
	return "", false
}

// header reads a line of a family's header. It returns the keyword, which was before
// unless this is the first.
func (r *openReader) header(keyword, before string) string {
	name := r.name(true)
	r.next(" ")
	text := r.line
	r.line = ""
	if keyword == "TYPE" {
		f := &metric.Family{Name: name}
		for kind := metric.Unknown; ; kind++ {
			if !kind.Valid() {
				r.fail("no type %q", text)
			}
			if kind.String() == text {
				f.Kind = kind
				break
			}
		}
		r.now, r.points = f, make(map[string]*metric.Point)
		r.done, r.last = make(map[string]bool), ""
		r.all = append(r.all, f)
		names := []string{name}
		for _, suffix := range r.suffixes() {
			if suffix != "" {
				names = append(names, name+suffix)
			}
		}
		for _, n := range names {
			if r.names[n] {
				r.fail("%q is the name of two families, or of their samples", n)
			}
			r.names[n] = true
		}
		return keyword
	}
	if before == "" || r.now == nil || r.now.Name != name || before == keyword || before == "HELP" {
		r.fail("%s %s is out of order", keyword, name)
	}
	if keyword == "HELP" {
		r.now.Help = r.unescape(text)
		return keyword
	}
	base := name
	if cut, ok := strings.CutSuffix(base, "_total"); ok && cut != "" && r.two && r.now.Kind == metric.Counter {
		base = cut
	}
	if !strings.HasSuffix(base, "_"+text) || !model.LegacyValidation.IsValidMetricName("_"+text) {
		r.fail("%q does not end in its unit %q", name, text)
	}
	r.now.Unit = text
	return keyword
}

// suffixes returns which ones the family's samples have, what its TYPE leaves away.
func (r *openReader) suffixes() []string {
	if r.two {
		return []string{""}
	}
	switch r.now.Kind {
	case metric.Counter:
		return []string{"_total", "_created"}
	case metric.Histogram:
		return []string{"_bucket", "_count", "_sum", "_created"}
	case metric.GaugeHistogram:
		return []string{"_bucket", "_gcount", "_gsum"}
	case metric.Summary:
		return []string{"", "_count", "_sum", "_created"}
	case metric.Info:
		return []string{"_info"}
	}
	return []string{""}
}

var (
	classicName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	realNumber  = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]+)?(e[+-][0-9]+)?|Inf)$|^NaN$`)
)

// name reads a name, which is quoted if it has to be.
func (r *openReader) name(colon bool) string {
	if strings.HasPrefix(r.line, `"`) {
		name := r.quoted()
		if !r.utf8 || classicName.FindString(name) == name && (colon || !strings.Contains(name, ":")) && name != "" {
			r.fail("%q is quoted", name)
		}
		return name
	}
	name := classicName.FindString(r.line)
	if name == "" || !colon && strings.Contains(name, ":") {
		r.fail("no name")
	}
	r.next(name)
	return name
}

func (r *openReader) quoted() string {
	r.next(`"`)
	end := 0
	for ; ; end++ {
		if end >= len(r.line) {
			r.fail("no end of what is quoted")
		}
		if r.line[end] == '\\' {
			end++
			continue
		}
		if r.line[end] == '"' {
			break
		}
	}
	s := r.unescape(r.line[:end])
	r.line = r.line[end+1:]
	return s
}

func (r *openReader) unescape(s string) string {
	if !utf8.ValidString(s) {
		r.fail("%q is not UTF-8", s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			r.fail("a quote is not escaped")
		}
		if c == '\\' {
			i++
			if i == len(s) || !strings.ContainsRune(`\n"`, rune(s[i])) {
				r.fail("a backslash is not escaped in %q", s)
			}
			if c = s[i]; c == 'n' {
				c = '\n'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// labels reads labels up to the brace, of which the first may be the metric's name.
func (r *openReader) labels(name *string) []metric.Label {
	var labels []metric.Label
	for i := 0; !strings.HasPrefix(r.line, "}"); i++ {
		if i > 0 {
			r.next(",")
		}
		if name != nil && *name == "" {
			*name = r.name(true)
			continue
		}
		l := metric.Label{Name: r.name(false)}
		r.next("=")
		l.Value = r.quoted()
		if slices.ContainsFunc(labels, func(o metric.Label) bool { return o.Name == l.Name }) {
			r.fail("the label %q stands twice", l.Name)
		}
		labels = append(labels, l)
	}
	r.next("}")
	return labels
}

// token reads up to the next blank.
func (r *openReader) token() string {
	token, _, found := strings.Cut(r.line, " ")
	r.line = r.line[len(token):]
	if token == "" || found && r.line == " " {
		r.fail("a blank too many")
	}
	return token
}

func (r *openReader) float(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !realNumber.MatchString(s) {
		r.fail("%q is no number", s)
	}
	if _, err := strconv.ParseInt(s, 10, 64); err == nil && !r.two {
		r.fail("%q is no float", s)
	}
	return v
}

func (r *openReader) count(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		r.fail("%q is no count", s)
	}
	return n
}

// time reads a time in seconds with up to three decimals.
func (r *openReader) time(s string) time.Time {
	whole, decimals, found := strings.Cut(s, ".")
	if found && (decimals == "" || len(decimals) > 3 || strings.HasSuffix(decimals, "0")) {
		r.fail("%q is no time", s)
	}
	digits := whole + (decimals + "000")[:3]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strings.HasPrefix(s, "+") {
		r.fail("%q is no time", s)
	}
	return time.UnixMilli(n)
}

func (r *openReader) exemplar() *metric.Exemplar {
	r.next(" # {")
	x := &metric.Exemplar{Labels: r.labels(nil)}
	length := 0
	for _, l := range x.Labels {
		length += utf8.RuneCountInString(l.Name + l.Value)
	}
	if length > 128 {
		r.fail("the exemplar is too long")
	}
	r.next(" ")
	x.Value = r.float(r.token())
	if strings.HasPrefix(r.line, " ") && !strings.HasPrefix(r.line, " # ") {
		r.next(" ")
		x.Time = r.time(r.token())
	} else if r.two {
		r.fail("an exemplar without a time")
	}
	return x
}

func (r *openReader) sample() {
	name := ""
	if !strings.HasPrefix(r.line, "{") {
		name = r.name(true)
	}
	var labels []metric.Label
	if strings.HasPrefix(r.line, "{") {
		r.next("{")
		quoted := name == ""
		labels = r.labels(&name)
		if len(labels) == 0 && !quoted {
			r.fail("braces without labels")
		}
	}
	r.next(" ")
	if r.now == nil {
		r.fail("%q is of no family", name)
	}
	suffix, ok := strings.CutPrefix(name, r.now.Name)
	if !ok || !slices.Contains(r.suffixes(), suffix) {
		r.fail("%q is not of the family %q", name, r.now.Name)
	}
	if id := name + labelsID(labels); r.series[id] {
		r.fail("%s comes twice", id)
	} else {
		r.series[id] = true
	}
	special := "" // the label that tells samples of one series apart
	switch {
	case r.two:
	case suffix == "_bucket":
		special = "le"
	case r.now.Kind == metric.Summary && suffix == "":
		special = "quantile"
	}
	number := math.NaN()
	if i := slices.IndexFunc(labels, func(l metric.Label) bool { return l.Name == special }); i >= 0 {
		number = r.float(labels[i].Value)
		labels = slices.Delete(labels, i, i+1)
	} else if special != "" {
		r.fail("no label %q", special)
	}
	id := labelsID(labels)
	if r.last != id {
		if r.done[id] {
			r.fail("the series %s is mixed up with others", id)
		}
		r.done[r.last], r.last = true, id
	}
	p := r.points[id]
	if p == nil {
		p = &metric.Point{Labels: labels}
		r.points[id] = p
		r.now.Points = append(r.now.Points, metric.Point{})
	}
	if r.two {
		r.composite(p)
	} else {
		r.value(p, suffix, number)
	}
	if strings.HasPrefix(r.line, " ") && !strings.HasPrefix(r.line, " # ") && !strings.HasPrefix(r.line, " st@") {
		r.next(" ")
		at := r.time(r.token())
		if !p.Time.IsZero() && !p.Time.Equal(at) {
			r.fail("samples of one series have several times")
		}
		p.Time = at
	}
	if r.two && strings.HasPrefix(r.line, " st@") {
		if r.now.Kind != metric.Counter && r.now.Kind != metric.Histogram && r.now.Kind != metric.Summary {
			r.fail("a %v does not begin", r.now.Kind)
		}
		r.next(" st@")
		p.Created = r.time(r.token())
	}
	for r.line != "" {
		x := r.exemplar()
		switch {
		case r.now.Kind == metric.Counter && p.Exemplar == nil && suffix != "_created":
			p.Exemplar = x
		case r.two && (r.now.Kind == metric.Histogram || r.now.Kind == metric.GaugeHistogram):
			if p.Native == nil {
				p.Native = &metric.Native{Schema: notNative}
			}
			p.Native.Exemplars = append(p.Native.Exemplars, *x)
		case special == "le" && p.Buckets[len(p.Buckets)-1].Exemplar == nil:
			p.Buckets[len(p.Buckets)-1].Exemplar = x
		default:
			r.fail("an exemplar on %s", name)
		}
	}
	r.check(p)
	r.now.Points[len(r.now.Points)-1] = *p
}

// value reads the value of a sample of version 1.0.0.
func (r *openReader) value(p *metric.Point, suffix string, number float64) {
	s := r.token()
	switch suffix {
	case "_bucket":
		if n := len(p.Buckets); n > 0 && !(number > p.Buckets[n-1].UpperBound) || number != number {
			r.fail("the bucket %g comes too late", number)
		}
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: number, Count: r.count(s)})
	case "_count", "_gcount":
		p.Count = r.count(s)
	case "_sum", "_gsum":
		p.Sum = r.float(s)
	case "_created":
		p.Created = r.time(s)
	default:
		if r.now.Kind == metric.Summary {
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: number, Value: r.float(s)})
			return
		}
		p.Value = r.float(s)
	}
}

// composite reads a value of version 2.0.0.
func (r *openReader) composite(p *metric.Point) {
	switch r.now.Kind {
	case metric.Histogram, metric.GaugeHistogram, metric.Summary:
	default:
		p.Value = r.float(r.token())
		return
	}
	r.next("{")
	prefix := ""
	if r.now.Kind == metric.GaugeHistogram {
		prefix = "g"
	}
	until := func(ends string) string {
		end := strings.IndexAny(r.line, ends)
		if end < 0 {
			r.fail("no end")
		}
		s := r.line[:end]
		r.line = r.line[end:]
		return s
	}
	list := func(item func(s string)) {
		r.next("[")
		for i := 0; !strings.HasPrefix(r.line, "]"); i++ {
			if i > 0 {
				r.next(",")
			}
			item(until(",]"))
		}
		r.next("]")
	}
	pairs := func(item func(a, b string)) {
		list(func(s string) {
			a, b, ok := strings.Cut(s, ":")
			if !ok {
				r.fail("%q is no pair", s)
			}
			item(a, b)
		})
	}
	r.next(prefix + "count:")
	p.Count = r.count(until(","))
	r.next("," + prefix + "sum:")
	p.Sum = r.float(until(",}"))
	if r.now.Kind == metric.Summary {
		r.next(",quantile:")
		pairs(func(a, b string) {
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: r.float(a), Value: r.float(b)})
		})
		r.next("}")
		return
	}
	if strings.HasPrefix(r.line, ",schema:") {
		p.Native = new(metric.Native)
		r.next(",schema:")
		schema, err := strconv.Atoi(until(","))
		if err != nil {
			r.fail("no schema")
		}
		p.Native.Schema = schema
		r.next(",zero_threshold:")
		p.Native.ZeroThreshold = r.float(until(","))
		r.next(",zero_count:")
		p.Native.ZeroCount = r.count(until(",}"))
		r.spans("negative", &p.Native.Negative, pairs, list)
		r.spans("positive", &p.Native.Positive, pairs, list)
	}
	if strings.HasPrefix(r.line, ",bucket:") {
		r.next(",bucket:")
		pairs(func(a, b string) {
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: r.float(a), Count: r.count(b)})
		})
	} else if p.Native == nil {
		r.fail("no buckets")
	}
	r.next("}")
}

// spans reads native buckets, if there are any.
func (r *openReader) spans(name string, to *[]metric.NativeBucket, pairs func(func(a, b string)), list func(func(s string))) {
	if !strings.HasPrefix(r.line, ","+name+"_spans:") {
		return
	}
	r.next("," + name + "_spans:")
	var indices []int
	next := 0
	pairs(func(a, b string) {
		offset, err := strconv.Atoi(a)
		length, err2 := strconv.Atoi(b)
		if err != nil || err2 != nil || length < 1 || len(indices) > 0 && offset < 1 {
			r.fail("%s:%s is no span", a, b)
		}
		next += offset
		for range length {
			indices = append(indices, next)
			next++
		}
	})
	r.next("," + name + "_buckets:")
	list(func(s string) {
		if len(indices) == 0 {
			r.fail("more buckets than the spans have")
		}
		if n := r.count(s); n > 0 {
			*to = append(*to, metric.NativeBucket{Index: indices[0], Count: n})
		}
		indices = indices[1:]
	})
	if len(indices) > 0 {
		r.fail("fewer buckets than the spans have")
	}
}

// check fails over values that no series of its kind can have.
func (r *openReader) check(p *metric.Point) {
	state := func() bool {
		return slices.ContainsFunc(p.Labels, func(l metric.Label) bool { return l.Name == r.now.Name })
	}
	switch {
	case r.now.Kind == metric.Counter && !(p.Value >= 0),
		r.now.Kind == metric.Info && p.Value != 1,
		r.now.Kind == metric.StateSet && (p.Value != 0 && p.Value != 1 || !state()):
		r.fail("no %v is %g", r.now.Kind, p.Value)
	}
	for i, b := range p.Buckets {
		if i > 0 && (b.Count < p.Buckets[i-1].Count || !(b.UpperBound > p.Buckets[i-1].UpperBound)) {
			r.fail("buckets are not cumulative")
		}
	}
}

// asOpenMetrics returns families as OpenMetrics should have them, version 2.0.0 or
// 1.0.0, perhaps with lines of creation. Of those that are in each other's way, it knows a
// counter whose base is another family.
func asOpenMetrics(families []*metric.Family, e ember.Escaping, two, created bool) []*metric.Family {
	all := asProto(families, e)
	taken := make(map[string]bool)
	for _, f := range all {
		taken[f.Name] = true
	}
	for i, f := range all {
		f.Kind = families[i].Kind
		if two {
			f.Help = strings.TrimRight(f.Help, "\r") // which must not stand before a line feed
		}
		cut := func(suffix string, otherwise metric.Kind) {
			base, ok := strings.CutSuffix(f.Name, suffix)
			switch {
			case !ok, base == "", !two && taken[base]:
				f.Kind = otherwise
			case !two:
				f.Name = base
			}
		}
		switch {
		case f.Kind == metric.Info:
			cut("_info", metric.Gauge)
		case f.Kind == metric.Counter && !two:
			cut("_total", metric.Unknown)
		}
		for j := range f.Points {
			p := &f.Points[j]
			exemplars := allExemplars(&families[i].Points[j])
			p.Created = time.UnixMilli(p.Created.UnixMilli())
			if families[i].Points[j].Created.IsZero() || !two && !created {
				p.Created = time.Time{}
			}
			p.Buckets = slices.Clone(p.Buckets)
			switch {
			case two:
				exemplars = slices.DeleteFunc(exemplars, func(x metric.Exemplar) bool { return x.Time.IsZero() })
				if p.Exemplar != nil && p.Exemplar.Time.IsZero() {
					p.Exemplar = nil
				}
				for k := range p.Buckets {
					p.Buckets[k].Exemplar = nil
				}
				switch {
				case p.Native != nil:
					p.Native.Exemplars = exemplars
				case len(exemplars) > 0:
					p.Native = &metric.Native{Schema: notNative, Exemplars: exemplars}
				}
			case p.Native != nil:
				if n := len(exemplars); n > 0 && (len(p.Buckets) == 0 || math.IsInf(p.Buckets[0].UpperBound, 1)) {
					p.Buckets = []metric.Bucket{{UpperBound: math.Inf(1), Count: p.Count, Exemplar: &exemplars[n-1]}}
				}
				p.Native = nil
			}
			millis := func(x *metric.Exemplar) *metric.Exemplar {
				if x == nil || x.Time.IsZero() {
					return x
				}
				y := *x
				y.Time = time.UnixMilli(x.Time.UnixMilli())
				return &y
			}
			p.Exemplar = millis(p.Exemplar)
			for k := range p.Buckets {
				p.Buckets[k].Exemplar = millis(p.Buckets[k].Exemplar)
			}
			if p.Native != nil {
				for k := range p.Native.Exemplars {
					p.Native.Exemplars[k] = *millis(&p.Native.Exemplars[k])
				}
			}
		}
	}
	return all
}

// allExemplars returns the exemplars of a histogram in the order in which they are
// exposed: by bucket, or by time.
func allExemplars(p *metric.Point) []metric.Exemplar {
	var all []metric.Exemplar
	for _, b := range p.Buckets {
		if b.Exemplar != nil {
			all = append(all, *b.Exemplar)
		}
	}
	if p.Native != nil && (len(p.Buckets) == 0 || math.IsInf(p.Buckets[0].UpperBound, 1)) {
		all = append(all, p.Native.Exemplars...)
		slices.SortStableFunc(all, func(a, b metric.Exemplar) int { return a.Time.Compare(b.Time) })
	}
	return all
}

// requireOpenMetrics compares what g writes in all versions of OpenMetrics with what it
// gathers.
func requireOpenMetrics(t testing.TB, g ember.Gatherer, e ember.Escaping) {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range []ember.Format{ember.FormatOpenMetrics, ember.FormatOpenMetrics.WithCreated(), ember.FormatOpenMetrics2} {
		two, created := f == ember.FormatOpenMetrics2, f == ember.FormatOpenMetrics.WithCreated()
		text := wire(t, g, f.WithEscaping(e))
		want := asOpenMetrics(families, e, two, created)
		requireSame(t, fullExposition(t, want), fullExposition(t, readOpenMetrics(t, text, two, e == ember.EscapingAllowUTF8)))
	}
	require.Equal(t, wire(t, g, ember.FormatOpenMetrics.WithEscaping(e)), wire(t, g, ember.FormatOpenMetrics0.WithEscaping(e)))
}
