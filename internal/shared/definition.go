// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// Kinds of records.
const (
	KindFamily     = 1 // key: a definition
	KindSeries     = 2 // key: the place of its family, and the values of its labels
	KindStripes    = 3 // these are attached: their key is the place of the series
	KindNativeHead = 4
	KindNativePage = 5
	KindSketchPage = 6
	KindSketchEnds = 7
	KindAbsorbed   = 8 // key: the id of a file that the archive has everything of
	KindTally      = 9 // of an archive: how many files it has absorbed
)

// How many words records have. A histogram has HistogramWords and one for each bucket,
// that for +Inf included.
const (
	CounterWords    = 3 // whole, rest bits, created
	GaugeWords      = 3 // bits, time, pid
	HistogramWords  = 3 // lock, sum bits; then counts of each bucket alone; created
	SummaryWords    = 5 // lock, count, sum bits, created, base
	NativeHeadWords = 8
	NativePageWords = 19
	SketchPageWords = 11
	SketchEndsWords = 4

	stripeWords = 16 // what stripes are rounded up to
)

// What words say instead of a value.
const (
	// Unset is a gauge that was never set: a NaN that computing does not make.
	Unset = 0x7ff8_656e_6465_6422

	endedWhole = 1 << 63               // and above: a counter that has ended
	ended      = 0x7ff8_656e_6465_6421 // a counter's rest or a gauge, likewise
	over       = 4                     // a lock, likewise
)

// Family is what all series of a family share.
type Family struct {
	metric.Desc
	Bounds    []float64     // of the buckets of a histogram, increasing, without +Inf
	Native    bool          // a histogram also has native buckets
	Quantiles []float64     // of a summary, increasing
	Periods   int           // in the window of its quantiles
	Period    time.Duration // the length of one
}

// words returns how many words series have.
func (f *Family) words() int {
	switch f.Kind {
	case metric.Counter:
		return CounterWords
	case metric.Histogram, metric.GaugeHistogram:
		return HistogramWords + len(f.Bounds) + 1
	case metric.Summary:
		return SummaryWords
	}
	return GaugeWords
}

// shards reports whether the words of series are shards, of words that belong together.
func (f *Family) shards() bool {
	return f.Kind == metric.Histogram || f.Kind == metric.GaugeHistogram || f.Kind == metric.Summary
}

// shard returns how many words a shard has, of kinds that have shards.
func (f *Family) shard() int {
	if f.Kind == metric.Summary {
		return 3
	}
	return 2 + len(f.Bounds) + 1
}

func stride(shard int) int { return (shard + stripeWords - 1) / stripeWords * stripeWords }

// format of definitions. Readers leave out what has another.
const format = 1

// Limits of what is believed.
const (
	maxLabels    = 1000
	maxBounds    = 100_000
	maxQuantiles = 10_000
	maxPeriods   = 100_000
)

// encode appends the definition. when is when it was made, in Unix nanoseconds, or 0 if
// that is when the file was: archives have definitions that are older.
func (f *Family) encode(b []byte, when uint64) []byte {
	b = binary.AppendUvarint(b, format)
	b = append(b, byte(f.Kind), byte(f.Mode))
	for _, s := range []string{f.Name, f.Help, f.Unit} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(f.ConstLabels)))
	for _, l := range f.ConstLabels {
		b = appendString(appendString(b, l.Name), l.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Labels)))
	for _, name := range f.Labels {
		b = appendString(b, name)
	}
	b = appendFloats(b, f.Bounds)
	native := byte(0)
	if f.Native {
		native = 1
	}
	b = append(b, native)
	b = appendFloats(b, f.Quantiles)
	b = binary.AppendUvarint(b, uint64(max(f.Periods, 0)))
	b = binary.AppendUvarint(b, uint64(max(f.Period, 0)))
	return binary.AppendUvarint(b, when)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFloats(b []byte, floats []float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(floats)))
	for _, v := range floats {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// decoder takes keys apart. Once something is wrong all that follows is zero.
type decoder struct {
	b   []byte
	bad string // what is wrong
}

func (d *decoder) fail(what string) {
	if d.bad == "" {
		d.bad = what
	}
	d.b = nil
}

func (d *decoder) uint(what string) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(what + " is cut off")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length returns a number of things that take so many bytes each at least.
func (d *decoder) length(what string, each, most int) int {
	n := d.uint(what)
	if n > uint64(len(d.b)/each) {
		d.fail(what + " is cut off")
		return 0
	}
	if n > uint64(most) {
		d.fail(strconv.FormatUint(n, 10) + " " + what + ", should be at most " + strconv.Itoa(most))
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(what string) []byte {
	n := d.length(what, 1, math.MaxInt)
	if n > len(d.b) {
		n = 0
	}
	b := d.b[:n]
	d.b = d.b[n:]
	if !utf8.Valid(b) {
		d.fail(what + " is not UTF-8")
	}
	return b
}

func (d *decoder) string(what string) string { return string(d.bytes(what)) }

func (d *decoder) byte(what string) byte {
	if len(d.b) == 0 {
		d.fail(what + " is cut off")
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) floats(what string, most int) []float64 {
	n := d.length(what, 8, most)
	if n == 0 {
		return nil
	}
	floats := make([]float64, n)
	for i := range floats {
		floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(d.b[8*i:]))
	}
	d.b = d.b[8*n:]
	if !increasing(floats) {
		d.fail(what + " do not increase")
	}
	return floats
}

func increasing(floats []float64) bool {
	for i, v := range floats {
		if v != v || i > 0 && v <= floats[i-1] {
			return false
		}
	}
	return true
}

// decodeFamily returns a definition, and when it was made, or what is wrong with it.
func decodeFamily(key []byte) (f *Family, when uint64, bad string) {
	d := decoder{b: key}
	f = new(Family)
	if v := d.uint("format"); v != format && d.bad == "" {
		return nil, 0, "definition has format " + strconv.FormatUint(v, 10) + ", should have " + strconv.Itoa(format)
	}
	f.Kind, f.Mode = metric.Kind(d.byte("kind")), metric.Mode(d.byte("mode"))
	f.Name, f.Help, f.Unit = d.string("name"), d.string("help"), d.string("unit")
	for range d.length("constant labels", 2, maxLabels) {
		f.ConstLabels = append(f.ConstLabels, metric.Label{Name: d.string("label"), Value: d.string("label")})
	}
	for range d.length("labels", 1, maxLabels) {
		f.Labels = append(f.Labels, d.string("label"))
	}
	f.Bounds = d.floats("bounds", maxBounds)
	f.Native = d.byte("native") == 1
	f.Quantiles = d.floats("quantiles", maxQuantiles)
	periods, period := d.uint("periods"), d.uint("period")
	when = d.uint("time")
	if d.bad == "" {
		d.bad = f.check(periods, period)
	}
	f.Periods, f.Period = int(periods), time.Duration(period)
	return f, when, d.bad
}

// check returns what is wrong with a definition that could be read.
func (f *Family) check(periods, period uint64) string {
	names := make([]string, 0, len(f.ConstLabels)+len(f.Labels))
	for _, l := range f.ConstLabels {
		names = append(names, l.Name)
	}
	names = append(names, f.Labels...)
	slices.Sort(names)
	histogram := f.Kind == metric.Histogram || f.Kind == metric.GaugeHistogram
	for i, name := range names {
		switch {
		case name == "":
			return "a label has no name"
		case i > 0 && name == names[i-1]:
			return "label " + strconv.Quote(name) + " occurs twice"
		case histogram && name == "le", f.Kind == metric.Summary && name == "quantile":
			return "label " + strconv.Quote(name) + " is reserved"
		}
	}
	switch n := len(f.Quantiles); {
	case f.Name == "":
		return "definition has no name"
	case !f.Kind.Valid():
		return "kind is " + f.Kind.String()
	case !f.Mode.Valid():
		return "mode is " + f.Mode.String()
	case len(f.Bounds) > 0 && math.IsInf(f.Bounds[len(f.Bounds)-1], 1):
		return "the last bound is +Inf"
	case !histogram && (len(f.Bounds) > 0 || f.Native):
		return f.Kind.String() + " has buckets"
	case f.Kind != metric.Summary && n > 0:
		return f.Kind.String() + " has quantiles"
	case n > 0 && (f.Quantiles[0] < 0 || f.Quantiles[n-1] > 1):
		return "a quantile is not between 0 and 1"
	case periods > maxPeriods || period > math.MaxInt64/maxPeriods || n > 0 && (periods == 0 || period == 0):
		return strconv.FormatUint(periods, 10) + " periods of " + strconv.FormatUint(period, 10) + " ns are no window"
	}
	return ""
}

// seriesKey appends the key of a series.
func seriesKey(b []byte, family int64, values []string) []byte {
	b = binary.AppendUvarint(b, uint64(family/cellfile.Align))
	for _, v := range values {
		b = appendString(b, strings.ToValidUTF8(v, "\uFFFD"))
	}
	return b
}

// attachedKey appends the key of what is attached to a series.
func attachedKey(b []byte, series int64) []byte {
	return binary.AppendUvarint(b, uint64(series/cellfile.Align))
}
