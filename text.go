// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"strconv"

	"github.com/embermetrics/ember/metric"
)

// textEncoder writes the text formats 0.0.4 and 1.0.0. They differ in what their
// readers know of quoted names, and that is the escaping's business.
type textEncoder struct{ lines }

// textTypes are the kinds as these formats call them.
var textTypes = [...]string{
	metric.Unknown:        "untyped",
	metric.Counter:        "counter",
	metric.Gauge:          "gauge",
	metric.Histogram:      "histogram",
	metric.Summary:        "summary",
	metric.GaugeHistogram: "histogram",
	metric.Info:           "gauge",
	metric.StateSet:       "gauge",
}

func (e *textEncoder) family(f *familyInfo) { e.start(f) }

// head writes the header of the family.
func (e *textEncoder) head() {
	e.header = true
	if e.now.help != "" {
		e.metadata("HELP", e.now.help, false)
	}
	e.metadata("TYPE", textTypes[e.now.kind], false)
}

func (e *textEncoder) value(labels string, v float64, x *extras) {
	if !e.header {
		e.head()
	}
	e.series(itself, labels, "")
	if x == nil || !x.timed {
		e.buf = append(appendFloat(e.buf, v), '\n')
	} else {
		e.float(v, &x.stamps)
	}
	e.spill()
}

func (e *textEncoder) count(n uint64, t *stamps) {
	e.buf = appendCount(e.buf, n)
	e.stop(t)
}

func (e *textEncoder) float(v float64, t *stamps) {
	e.buf = appendFloat(e.buf, v)
	e.stop(t)
}

// stop ends a line.
func (e *textEncoder) stop(t *stamps) {
	if t.timed {
		e.buf = t.append(e.buf)
	}
	e.buf = append(e.buf, '\n')
}

// append appends when a value was taken.
func (t *stamps) append(b []byte) []byte {
	return strconv.AppendInt(append(b, ' '), t.millis, 10)
}

func (e *textEncoder) histogram(labels string, s *histogramSnapshot) {
	if !e.header {
		e.head()
	}
	e.series(bucketLine, labels, s.le.text[0])
	line := e.line(s.le.text[0])
	e.count(s.buckets[0], &s.stamps)
	b := e.buf
	for i := 1; i < len(s.buckets); i++ {
		b = append(append(b, line...), s.le.text[i]...)
		if n := s.buckets[i]; n < 10 {
			b = append(b, byte('0'+n)) // a call less
		} else {
			b = appendCount(b, n)
		}
		if s.timed {
			b = s.stamps.append(b)
		}
		b = append(b, '\n')
	}
	e.buf = b
	e.totals(labels, s.sum, s.count, &s.stamps)
}

func (e *textEncoder) summary(labels string, s *summarySnapshot) {
	if !e.header {
		e.head()
	}
	for i, v := range s.values {
		e.series(itself, labels, s.labels.text[i])
		e.float(v, &s.stamps)
	}
	e.totals(labels, s.sum, s.count, &s.stamps)
}

// totals writes what histograms and summaries end with.
func (e *textEncoder) totals(labels string, sum float64, count uint64, t *stamps) {
	e.series(sumLine, labels, "")
	e.float(sum, t)
	e.series(countLine, labels, "")
	e.count(count, t)
	e.spill()
}
