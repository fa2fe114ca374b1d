// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// protobufEncoder writes io.prometheus.client.MetricFamily messages, each preceded by
// its length:
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto.
//
// A message stands behind its length, so a family has to be held back until it is
// whole. One that grows too large for that goes on in another message of the same
// name, which readers take for more of the same family.
type protobufEncoder struct {
	output
	escaping Escaping

	now  *familyInfo
	name string // of the family, spelled
	open int    // where the family's message begins, if it does; otherwise -1

	shared []byte   // the part's shared labels, as fields of a Metric
	pairs  [][]byte // of each label of the part's children, a LabelPair less its lengths and value
	gaps   []int    // what stands before each value in a child's text, in bytes
	slab   []byte   // where pairs are

	ahead    string // how the text of the last child begins, up to its last value
	inFields []byte // and what that is as fields of a Metric

	positive, negative nativeSpans
}

// maxFamily is how large a family's message may become before it is cut.
const maxFamily = 256 << 10

// The types of fields on the wire.
const (
	pbVarint = 0
	pbFixed  = 1
	pbNested = 2
)

// The tag of a field is its number and type. All of ours but one fit a byte.
const (
	pbFamilyName   = 1<<3 | pbNested
	pbFamilyHelp   = 2<<3 | pbNested
	pbFamilyType   = 3<<3 | pbVarint
	pbFamilyMetric = 4<<3 | pbNested
	pbFamilyUnit   = 5<<3 | pbNested

	pbMetricLabel     = 1<<3 | pbNested
	pbMetricGauge     = 2<<3 | pbNested
	pbMetricCounter   = 3<<3 | pbNested
	pbMetricSummary   = 4<<3 | pbNested
	pbMetricUntyped   = 5<<3 | pbNested
	pbMetricTimestamp = 6<<3 | pbVarint
	pbMetricHistogram = 7<<3 | pbNested

	pbPairName  = 1<<3 | pbNested
	pbPairValue = 2<<3 | pbNested

	pbNumberValue = 1<<3 | pbFixed // of Gauge, Counter and Untyped

	pbCounterExemplar = 2<<3 | pbNested
	pbCounterCreated  = 3<<3 | pbNested

	pbExemplarLabel = 1<<3 | pbNested
	pbExemplarValue = 2<<3 | pbFixed
	pbExemplarTime  = 3<<3 | pbNested

	pbTimeSeconds = 1<<3 | pbVarint
	pbTimeNanos   = 2<<3 | pbVarint

	pbSummaryCount    = 1<<3 | pbVarint
	pbSummarySum      = 2<<3 | pbFixed
	pbSummaryQuantile = 3<<3 | pbNested
	pbSummaryCreated  = 4<<3 | pbNested

	pbQuantileQuantile = 1<<3 | pbFixed
	pbQuantileValue    = 2<<3 | pbFixed

	pbHistogramCount         = 1<<3 | pbVarint
	pbHistogramSum           = 2<<3 | pbFixed
	pbHistogramBucket        = 3<<3 | pbNested
	pbHistogramSchema        = 5<<3 | pbVarint
	pbHistogramZeroThreshold = 6<<3 | pbFixed
	pbHistogramZeroCount     = 7<<3 | pbVarint
	pbHistogramNegativeSpan  = 9<<3 | pbNested
	pbHistogramNegativeDelta = 10<<3 | pbNested // packed
	pbHistogramPositiveSpan  = 12<<3 | pbNested
	pbHistogramPositiveDelta = 13<<3 | pbNested // packed
	pbHistogramCreated       = 15<<3 | pbNested
	pbHistogramExemplars     = 16<<3 | pbNested // two bytes

	pbBucketCount    = 1<<3 | pbVarint
	pbBucketBound    = 2<<3 | pbFixed
	pbBucketExemplar = 3<<3 | pbNested

	pbSpanOffset = 1<<3 | pbVarint
	pbSpanLength = 2<<3 | pbVarint
)

// The kinds as protobuf numbers them, and the field of a Metric that holds their
// values.
var (
	protobufTypes = [...]byte{
		metric.Unknown:        3,
		metric.Counter:        0,
		metric.Gauge:          1,
		metric.Histogram:      4,
		metric.Summary:        2,
		metric.GaugeHistogram: 5,
		metric.Info:           1,
		metric.StateSet:       1,
	}
	protobufValues = [...]byte{
		metric.Unknown:  pbMetricUntyped,
		metric.Counter:  pbMetricCounter,
		metric.Gauge:    pbMetricGauge,
		metric.Info:     pbMetricGauge,
		metric.StateSet: pbMetricGauge,
	}
)

func (e *protobufEncoder) begin(f Format) {
	e.escaping = f.escaping()
	e.open = -1
}

func (e *protobufEncoder) end() {
	e.close()
	e.ahead = "" // or it would keep a child that may be deleted
}

func (e *protobufEncoder) family(f *familyInfo) {
	e.close()
	e.now, e.name = f, f.spelled[e.escaping]
	if e.escaping == EscapingAllowUTF8 {
		e.name = f.name
	}
}

func (e *protobufEncoder) names() (*familyInfo, Escaping) { return e.now, e.escaping }

// close ends the family's message, if there is one.
func (e *protobufEncoder) close() {
	if e.open >= 0 {
		e.stop(e.open)
		e.open = -1
	}
	e.spill()
}

// begun begins the family's message unless that was done.
func (e *protobufEncoder) begun() {
	if e.open >= 0 {
		return
	}
	e.open = len(e.buf)
	e.buf = append(e.buf, 0) // the length, as start has it
	e.text(pbFamilyName, e.name)
	if e.now.help != "" {
		e.text(pbFamilyHelp, e.now.help)
	}
	e.buf = append(e.buf, pbFamilyType, protobufTypes[e.now.kind])
	if base, _ := baseOf(e.name, e.now.kind); e.now.hasUnit(base) {
		e.text(pbFamilyUnit, e.now.unit)
	}
}

// start begins a pbNested message, whose length it leaves to stop. It returns where.
func (e *protobufEncoder) start(tag byte) int {
	e.buf = append(e.buf, tag, 0)
	return len(e.buf) - 1
}

// stop ends a message. Its length most often takes the byte that was kept for it.
func (e *protobufEncoder) stop(at int) {
	if n := len(e.buf) - at - 1; n < 0x80 {
		e.buf[at] = byte(n)
		return
	}
	e.stopLong(at, 1)
}

// startLong is start for a message that will have more than 127 bytes, most likely.
func (e *protobufEncoder) startLong(tag byte) int {
	e.buf = append(e.buf, tag, 0, 0)
	return len(e.buf) - 2
}

// stopLong ends a message for whose length so many bytes were kept. If they are too many
// or too few, the message moves.
//
//go:noinline
func (e *protobufEncoder) stopLong(at, kept int) {
	var length [binary.MaxVarintLen64]byte
	n := len(e.buf) - at - kept
	size := binary.PutUvarint(length[:], uint64(n))
	if size > kept {
		e.buf = append(e.buf, length[:size-kept]...)
	}
	if size != kept {
		copy(e.buf[at+size:], e.buf[at+kept:][:n])
		e.buf = e.buf[:at+size+n]
	}
	copy(e.buf[at:], length[:size])
}

func (e *protobufEncoder) text(tag byte, s string) { e.buf = appendField(e.buf, tag, s) }

// appendField is called for what most often is rendered once for all series.
//
//go:noinline
func appendField(b []byte, tag byte, s string) []byte {
	return append(binary.AppendUvarint(append(b, tag), uint64(len(s))), s...)
}

func (e *protobufEncoder) uint(tag byte, v uint64) { e.buf = appendVarint(append(e.buf, tag), v) }

// appendVarint is binary.AppendUvarint, without a loop for what is not very large.
func appendVarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return appendLongVarint(b, v)
}

func appendLongVarint(b []byte, v uint64) []byte {
	if v >= 1<<56 {
		return binary.AppendUvarint(b, v)
	}
	size := uint(bits.Len64(v)+6) / 7
	// Groups of 28 bits move to where 32 have place, then those of 14 and of 7 in them.
	v = v&0x0000_0000_0fff_ffff | v<<4&0x0fff_ffff_0000_0000
	v = v&0x0000_3fff_0000_3fff | v<<2&0x3fff_0000_3fff_0000
	v = v&0x007f_007f_007f_007f | v<<1&0x7f00_7f00_7f00_7f00
	v |= 0x8080_8080_8080_8080 & (1<<(8*size-8) - 1) // another one follows
	return binary.LittleEndian.AppendUint64(b, v)[:len(b)+int(size)]
}

// sint writes a number of the types sint32 and sint64, which may be negative.
func (e *protobufEncoder) sint(tag byte, v int64) { e.uint(tag, zigzag(v)) }

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func (e *protobufEncoder) float(tag byte, v float64) {
	e.buf = binary.LittleEndian.AppendUint64(append(e.buf, tag), math.Float64bits(v))
}

func (e *protobufEncoder) time(tag byte, nanos int64) {
	seconds := nanos / 1e9
	if nanos %= 1e9; nanos < 0 {
		seconds--
		nanos += 1e9
	}
	at := len(e.buf) + 1
	b := append(e.buf, tag, 0, pbTimeSeconds)
	if s := uint64(seconds); s>>28 != 0 && s>>35 == 0 { // from 1978 to 3058
		b = append(b, byte(s)|0x80, byte(s>>7)|0x80, byte(s>>14)|0x80, byte(s>>21)|0x80, byte(s>>28), pbTimeNanos)
	} else {
		b = append(appendVarint(b, s), pbTimeNanos)
	}
	b = appendVarint(b, uint64(nanos))
	b[at] = byte(len(b) - at - 1)
	e.buf = b
}

// part renders what its series share.
func (e *protobufEncoder) part(p *partInfo) {
	e.shared, e.pairs, e.slab = e.shared[:0], e.pairs[:0], e.slab[:0]
	for _, l := range p.shared {
		e.slab = appendField(e.slab[:0], pbPairName, e.label(l.Name))
		e.slab = appendField(e.slab, pbPairValue, l.Value)
		e.shared = binary.AppendUvarint(append(e.shared, pbMetricLabel), uint64(len(e.slab)))
		e.shared = append(e.shared, e.slab...)
	}
	e.slab = e.slab[:0]
	e.ahead = ""
	if p.def == nil {
		return
	}
	e.gaps = p.syntax.Gaps()
	for _, name := range p.labels {
		start := len(e.slab)
		e.slab = appendField(append(e.slab, pbMetricLabel, 0), pbPairName, e.label(name))
		e.slab = append(e.slab, pbPairValue, 0)
		e.pairs = append(e.pairs, slices.Clip(e.slab[start:]))
	}
}

// label returns a label's name as it is written.
func (e *protobufEncoder) label(name string) string {
	if e.escaping == EscapingAllowUTF8 {
		return name
	}
	return escapeTo(name, e.escaping, false)
}

// labels writes the labels of a Metric that has begun. Those of children most often stand
// in the text as they are, and are short enough for lengths of one byte. All but the last
// one often are those of the child before.
func (e *protobufEncoder) labels(labels string) {
	b := append(e.buf, e.shared...)
	if len(e.pairs) == 0 || labels == "" {
		e.buf = b
		e.parsed(labels)
		return
	}
	last := len(e.pairs) - 1
	text, from, pairs := labels, len(b), e.pairs
	if e.ahead != "" && strings.HasPrefix(labels, e.ahead) {
		b = append(b, e.inFields...)
		labels, pairs = labels[len(e.ahead)-e.gaps[last]:], pairs[last:]
	}
	for i, pair := range pairs {
		labels = labels[e.gaps[len(e.pairs)-len(pairs)+i]:]
		if i > 0 && i == last {
			e.ahead = text[:len(text)-len(labels)]
			e.inFields = append(e.inFields[:0], b[from:]...)
		}
		end, plain := childmap.ValueEnd(labels)
		value := labels[:end]
		labels = labels[end:]
		at, size := len(b), len(pair)-2+end
		if !plain || size >= 0x80 {
			e.buf = b
			e.longPair(pair, value)
			b = e.buf
			continue
		}
		b = append(b, pair...)
		b[at+1], b[len(b)-1] = byte(size), byte(end)
		b = append(b, value...)
	}
	e.buf = b
}

// longPair writes a LabelPair, whatever its size, with a value that may be escaped.
func (e *protobufEncoder) longPair(pair []byte, value string) {
	at := e.start(pbMetricLabel)
	e.buf = append(e.buf, pair[2:len(pair)-2]...)
	e.unescaped(pbPairValue, value)
	e.stop(at)
}

// parsed writes labels whose names stand in the text alone.
func (e *protobufEncoder) parsed(labels string) {
	for labels != "" {
		var name, value string
		name, value, labels = childmap.NextPair(labels)
		at := e.start(pbMetricLabel)
		e.unescaped(pbPairName, name)
		e.unescaped(pbPairValue, value)
		e.stop(at)
	}
}

// unescaped writes the plain form of text that may be escaped.
func (e *protobufEncoder) unescaped(tag byte, s string) {
	if strings.IndexByte(s, '\\') < 0 {
		e.text(tag, s)
		return
	}
	at := e.start(tag)
	e.buf = childmap.AppendUnescaped(e.buf, s)
	e.stop(at)
}

// done is called after a Metric. If the family's message has grown large, the next series
// begins another one.
func (e *protobufEncoder) done() {
	if len(e.buf)-e.open >= maxFamily {
		e.close()
	}
}

func (e *protobufEncoder) value(labels string, v float64, x *extras) {
	e.begun()
	at := e.start(pbFamilyMetric)
	e.labels(labels)
	value := e.start(protobufValues[e.now.kind])
	e.float(pbNumberValue, v)
	if x == nil {
		e.stop(value)
	} else {
		if e.now.kind == metric.Counter {
			e.exemplar(pbCounterExemplar, x.exemplar)
			e.created(pbCounterCreated, &x.stamps)
		}
		e.stop(value)
		e.timestamp(&x.stamps)
	}
	e.stop(at)
	e.done()
}

func (e *protobufEncoder) timestamp(t *stamps) {
	if t.timed {
		e.uint(pbMetricTimestamp, uint64(t.millis))
	}
}

func (e *protobufEncoder) created(tag byte, t *stamps) {
	if t.created.known() {
		e.time(tag, t.created.nanos())
	}
}

func (e *protobufEncoder) exemplar(tag byte, x *exemplar) {
	if x != nil {
		at := e.start(tag)
		e.exemplarFields(x)
		e.stop(at)
	}
}

func (e *protobufEncoder) exemplarFields(x *exemplar) {
	for labels := x.labels; labels != ""; {
		var name, value string
		name, value, labels = childmap.NextPair(labels)
		label := e.start(pbExemplarLabel)
		e.unescaped(pbPairName, name)
		e.unescaped(pbPairValue, value)
		e.stop(label)
	}
	e.buf = binary.LittleEndian.AppendUint64(append(e.buf, pbExemplarValue), math.Float64bits(x.value))
	if x.at.known() {
		e.time(pbExemplarTime, x.at.nanos())
	}
}

func (e *protobufEncoder) summary(labels string, s *summarySnapshot) {
	e.begun()
	at := e.start(pbFamilyMetric)
	e.labels(labels)
	value := e.start(pbMetricSummary)
	e.uint(pbSummaryCount, s.count)
	e.float(pbSummarySum, s.sum)
	for i, q := range s.quantiles {
		quantile := e.start(pbSummaryQuantile)
		e.float(pbQuantileQuantile, q)
		e.float(pbQuantileValue, s.values[i])
		e.stop(quantile)
	}
	e.created(pbSummaryCreated, &s.stamps)
	e.stop(value)
	e.timestamp(&s.stamps)
	e.stop(at)
	e.done()
}

func (e *protobufEncoder) histogram(labels string, s *histogramSnapshot) {
	e.begun()
	at := e.startLong(pbFamilyMetric)
	e.labels(labels)
	value := e.startLong(pbMetricHistogram)
	e.uint(pbHistogramCount, s.count)
	e.float(pbHistogramSum, s.sum)
	if s.native == nil || len(s.bounds) > 0 {
		e.buckets(s)
	}
	if s.native != nil {
		e.native(s)
	}
	if e.now.kind == metric.Histogram {
		e.created(pbHistogramCreated, &s.stamps)
	}
	e.stopLong(value, 2)
	e.timestamp(&s.stamps)
	e.stopLong(at, 2)
	e.done()
}

// buckets writes the classic buckets. Readers know the one for +Inf from the count,
// so it is there only for its exemplar.
func (e *protobufEncoder) buckets(s *histogramSnapshot) {
	for i, n := range s.buckets {
		bound, x := math.Inf(1), s.exemplar(i)
		if i < len(s.bounds) {
			bound = s.bounds[i]
		} else if x == nil && i > 0 {
			break
		}
		bucket := len(e.buf) + 1
		b := appendVarint(append(e.buf, pbHistogramBucket, 0, pbBucketCount), n)
		b = binary.LittleEndian.AppendUint64(append(b, pbBucketBound), math.Float64bits(bound))
		b[bucket] = byte(len(b) - bucket - 1)
		e.buf = b
		if x != nil {
			e.exemplar(pbBucketExemplar, x)
			e.stop(bucket)
		}
	}
}

func (e *protobufEncoder) native(s *histogramSnapshot) {
	scale := s.native.Scale()
	e.sint(pbHistogramSchema, int64(scale.Schema))
	e.float(pbHistogramZeroThreshold, scale.ZeroThreshold)
	e.uint(pbHistogramZeroCount, s.native.Zero)
	e.spans(&e.negative, &s.native.Negative, pbHistogramNegativeSpan, pbHistogramNegativeDelta)
	e.spans(&e.positive, &s.native.Positive, pbHistogramPositiveSpan, pbHistogramPositiveDelta)
	if len(e.positive.spans) == 0 && len(e.negative.spans) == 0 && s.native.Zero == 0 && scale.ZeroThreshold == 0 {
		// Nothing else tells it from a classic histogram.
		span := e.start(pbHistogramPositiveSpan)
		e.sint(pbSpanOffset, 0)
		e.uint(pbSpanLength, 0)
		e.stop(span)
	}
	for _, x := range s.nativeExemplars {
		if !x.at.known() {
			continue // only those with a time are allowed here
		}
		e.buf = append(e.buf, pbHistogramExemplars&0x7f|0x80)
		at := e.start(pbHistogramExemplars >> 7)
		e.exemplarFields(x)
		e.stop(at)
	}
}

func (e *protobufEncoder) spans(n *nativeSpans, c *native.Counts, spanTag, deltaTag byte) {
	n.set(c)
	for _, s := range n.spans {
		span := e.start(spanTag)
		e.sint(pbSpanOffset, int64(s.offset))
		e.uint(pbSpanLength, uint64(s.length))
		e.stop(span)
	}
	if len(n.counts) == 0 {
		return
	}
	deltas := e.start(deltaTag)
	before := uint64(0)
	for _, count := range n.counts {
		e.buf = appendVarint(e.buf, zigzag(int64(count-before)))
		before = count
	}
	e.stop(deltas)
}
