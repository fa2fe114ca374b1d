// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"strconv"
	"strings"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// openMetrics2Encoder writes OpenMetrics 2.0.0: names are the same everywhere, and a
// histogram or a summary is one line, whose value has several parts.
type openMetrics2Encoder struct {
	lines
	kind               string // as this format calls it
	positive, negative nativeSpans
}

func (e *openMetrics2Encoder) end() { e.buf = append(e.buf, "# EOF\n"...) }

func (e *openMetrics2Encoder) family(f *familyInfo) {
	e.start(f)
	e.kind = f.kind.String()
	if _, ok := baseOf(e.name, f.kind); !ok && f.kind == metric.Info {
		e.kind = metric.Gauge.String()
	}
}

func (e *openMetrics2Encoder) line(labels string) {
	if !e.header {
		e.header = true
		e.metadata("TYPE", e.kind, true)
		if base, _ := baseOf(e.name, e.now.kind); e.now.hasUnit(base) {
			e.metadata("UNIT", e.now.unit, true)
		}
		if help := strings.TrimRight(e.now.help, "\r"); help != "" { // which must not stand before a line feed
			e.metadata("HELP", help, true)
		}
	}
	e.series(itself, labels, "")
}

func (e *openMetrics2Encoder) value(labels string, v float64, x *extras) {
	e.line(labels)
	e.buf = appendFloat(e.buf, v)
	if x != nil {
		e.stamps(&x.stamps)
		if e.now.kind == metric.Counter {
			e.exemplar(x.exemplar)
		}
	}
	e.stop()
}

func (e *openMetrics2Encoder) stop() {
	e.buf = append(e.buf, '\n')
	e.spill()
}

// stamps writes when the value was taken and when the series began.
func (e *openMetrics2Encoder) stamps(t *stamps) {
	b := e.buf
	if t.timed {
		b = appendSeconds(append(b, ' '), t.millis)
	}
	switch e.now.kind {
	case metric.Counter, metric.Histogram, metric.Summary:
		if t.created.known() {
			b = appendSeconds(append(b, " st@"...), t.created.millis())
		}
	}
	e.buf = b
}

// exemplar writes an exemplar, if it has a time: this format wants one.
func (e *openMetrics2Encoder) exemplar(x *exemplar) {
	if x == nil || !x.at.known() {
		return
	}
	b := append(append(append(e.buf, " # {"...), x.labels...), "} "...)
	b = appendFloat(b, x.value)
	e.buf = appendSeconds(append(b, ' '), x.at.millis())
}

// field begins a part of a value.
func (e *openMetrics2Encoder) field(name string) {
	b := e.buf
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	e.buf = append(append(b, name...), ':')
}

func (e *openMetrics2Encoder) uint(name string, v uint64) {
	e.field(name)
	e.buf = strconv.AppendUint(e.buf, v, 10)
}

func (e *openMetrics2Encoder) float(name string, v float64) {
	e.field(name)
	e.buf = appendFloat(e.buf, v)
}

// item begins an element of a list, which '[' begins.
func (e *openMetrics2Encoder) item() {
	if e.buf[len(e.buf)-1] != '[' {
		e.buf = append(e.buf, ',')
	}
}

func (e *openMetrics2Encoder) histogram(labels string, s *histogramSnapshot) {
	e.line(labels)
	e.buf = append(e.buf, '{')
	count, sum := "count", "sum"
	if e.now.kind == metric.GaugeHistogram {
		count, sum = "gcount", "gsum"
	}
	e.uint(count, s.count)
	e.float(sum, s.sum)
	if s.native != nil {
		scale := s.native.Scale()
		e.field("schema")
		e.buf = strconv.AppendInt(e.buf, int64(scale.Schema), 10)
		e.float("zero_threshold", scale.ZeroThreshold)
		e.uint("zero_count", s.native.Zero)
		e.spans(&e.negative, &s.native.Negative, "negative_spans", "negative_buckets")
		e.spans(&e.positive, &s.native.Positive, "positive_spans", "positive_buckets")
	}
	if s.native == nil || len(s.bounds) > 0 {
		e.field("bucket")
		e.buf = append(e.buf, '[')
		for i, n := range s.buckets {
			e.item()
			bound := math.Inf(1)
			if i < len(s.bounds) {
				bound = s.bounds[i]
			}
			e.buf = strconv.AppendUint(append(appendFloat(e.buf, bound), ':'), n, 10)
		}
		e.buf = append(e.buf, ']')
	}
	e.buf = append(e.buf, '}')
	e.stamps(&s.stamps)
	if len(s.nativeExemplars) > 0 {
		for _, x := range s.nativeExemplars {
			e.exemplar(x)
		}
	} else {
		for _, x := range s.exemplars {
			e.exemplar(x)
		}
	}
	e.stop()
}

func (e *openMetrics2Encoder) spans(n *nativeSpans, c *native.Counts, spans, buckets string) {
	n.set(c)
	if len(n.spans) == 0 {
		return
	}
	e.field(spans)
	e.buf = append(e.buf, '[')
	for _, s := range n.spans {
		e.item()
		b := strconv.AppendInt(e.buf, int64(s.offset), 10)
		e.buf = strconv.AppendInt(append(b, ':'), int64(s.length), 10)
	}
	e.buf = append(e.buf, ']')
	e.field(buckets)
	e.buf = append(e.buf, '[')
	for _, count := range n.counts {
		e.item()
		e.buf = strconv.AppendUint(e.buf, count, 10)
	}
	e.buf = append(e.buf, ']')
}

func (e *openMetrics2Encoder) summary(labels string, s *summarySnapshot) {
	e.line(labels)
	e.buf = append(e.buf, '{')
	e.uint("count", s.count)
	e.float("sum", s.sum)
	e.field("quantile")
	e.buf = append(e.buf, '[')
	for i, v := range s.values {
		e.item()
		e.buf = appendFloat(append(appendFloat(e.buf, s.quantiles[i]), ':'), v)
	}
	e.buf = append(e.buf, "]}"...)
	e.stamps(&s.stamps)
	e.stop()
}
