// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"github.com/embermetrics/ember/metric"
)

// openMetricsEncoder writes OpenMetrics 1.0.0, which 0.0.1 does not differ from in
// what Ember writes.
type openMetricsEncoder struct {
	lines
	created bool   // lines of _created are asked for
	kind    string // as this format calls it
}

func (e *openMetricsEncoder) begin(f Format) {
	e.lines.begin(f)
	e.created = f.created()
}

func (e *openMetricsEncoder) end() { e.buf = append(e.buf, "# EOF\n"...) }

// family finds out how this format calls the family: a counter without the suffix
// that its samples have, an info likewise. One that does not have it would have to
// change its name, so it changes its kind.
func (e *openMetricsEncoder) family(f *familyInfo) {
	e.start(f)
	e.kind = f.kind.String()
	base, ok := baseOf(e.name, f.kind)
	switch {
	case ok && !f.shadowed:
		e.name, e.suffix[itself] = base, sampleNamesOf[f.kind].cut
	case f.kind == metric.Counter:
		e.kind = metric.Unknown.String()
	case f.kind == metric.Info:
		e.kind = metric.Gauge.String()
	}
}

// head writes the header of the family.
func (e *openMetricsEncoder) head() {
	e.header = true
	e.metadata("TYPE", e.kind, true)
	if e.now.hasUnit(e.name) {
		e.metadata("UNIT", e.now.unit, true)
	}
	if e.now.help != "" {
		e.metadata("HELP", e.now.help, true)
	}
}

func (e *openMetricsEncoder) value(labels string, v float64, x *extras) {
	if !e.header {
		e.head()
	}
	e.series(itself, labels, "")
	switch {
	case x == nil || !x.timed && x.exemplar == nil && !e.created:
		e.buf = append(appendRealFloat(e.buf, v), '\n')
	case e.suffix[itself] == "_total":
		e.float(v, &x.stamps, x.exemplar)
		e.began(labels, &x.stamps)
	default: // nothing but a counter has these
		e.float(v, &x.stamps, nil)
	}
	e.spill()
}

func (e *openMetricsEncoder) count(n uint64, t *stamps, x *exemplar) {
	e.buf = appendDigits(e.buf, n)
	e.stop(t, x)
}

func (e *openMetricsEncoder) float(v float64, t *stamps, x *exemplar) {
	e.buf = appendRealFloat(e.buf, v)
	e.stop(t, x)
}

func (e *openMetricsEncoder) stop(t *stamps, x *exemplar) { e.buf = appendEnd(e.buf, t, x) }

// appendEnd ends a line.
func appendEnd(b []byte, t *stamps, x *exemplar) []byte {
	if t.timed {
		b = appendSeconds(append(b, ' '), t.millis)
	}
	if x != nil {
		b = append(append(append(b, " # {"...), x.labels...), "} "...)
		b = appendRealFloat(b, x.value)
		if x.at.known() {
			b = appendSeconds(append(b, ' '), x.at.millis())
		}
	}
	return append(b, '\n')
}

// began writes the line that says when a series began.
func (e *openMetricsEncoder) began(labels string, t *stamps) {
	if !e.created || !t.created.known() || e.now.shadowed {
		return
	}
	e.series(createdLine, labels, "")
	e.buf = appendSeconds(e.buf, t.created.millis())
	e.stop(t, nil)
}

func (e *openMetricsEncoder) histogram(labels string, s *histogramSnapshot) {
	if !e.header {
		e.head()
	}
	e.series(bucketLine, labels, s.le.open[0])
	line := e.line(s.le.open[0])
	e.count(s.buckets[0], &s.stamps, s.exemplar(0))
	b := e.buf
	for i := 1; i < len(s.buckets); i++ {
		b = append(append(b, line...), s.le.open[i]...)
		if n := s.buckets[i]; n < 10 {
			b = append(b, byte('0'+n)) // a call less
		} else {
			b = appendDigits(b, n)
		}
		if s.timed || len(s.exemplars) > 0 {
			b = appendEnd(b, &s.stamps, s.exemplar(i))
		} else {
			b = append(b, '\n')
		}
	}
	e.buf = b
	if e.now.kind == metric.GaugeHistogram {
		e.totals(gcountLine, gsumLine, labels, s.sum, s.count, &s.stamps)
	} else {
		e.totals(countLine, sumLine, labels, s.sum, s.count, &s.stamps)
		e.began(labels, &s.stamps)
	}
	e.spill()
}

func (e *openMetricsEncoder) summary(labels string, s *summarySnapshot) {
	if !e.header {
		e.head()
	}
	for i, v := range s.values {
		e.series(itself, labels, s.labels.open[i])
		e.float(v, &s.stamps, nil)
	}
	e.totals(countLine, sumLine, labels, s.sum, s.count, &s.stamps)
	e.began(labels, &s.stamps)
	e.spill()
}

func (e *openMetricsEncoder) totals(countKind, sumKind lineKind, labels string, sum float64, count uint64, t *stamps) {
	e.series(countKind, labels, "")
	e.count(count, t, nil)
	e.series(sumKind, labels, "")
	e.float(sum, t, nil)
}
