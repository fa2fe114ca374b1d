// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/embermetrics/ember/metric"
)

// Options change how Prometheus reads. The zero Options read every series there is.
type Options struct {
	// ReadCreated makes OpenMetrics 1's lines of creation, which are series like
	// others else, the Created of those that they belong to.
	ReadCreated bool
	// ClassicOnly makes native histograms invisible.
	ClassicOnly bool
}

// Prometheus reads data as a Prometheus server does that is told its content type.
func Prometheus(contentType string, data []byte, opts Options) (*Exposition, error) {
	p, err := textparse.New(data, contentType, nil, textparse.ParserOptions{
		EnableOpenMetrics2:                      true,
		KeepClassicOnClassicAndNativeHistograms: true,
		IgnoreNativeHistograms:                  opts.ClassicOnly,
		OpenMetricsSkipSTSeries:                 opts.ReadCreated,
	})
	if err != nil {
		return nil, &Refusal{"prometheus", err}
	}
	r := prometheusReader{
		x: New(), p: p, described: make(map[string]bool),
		// A family in several messages has its description in each.
		repeats: strings.HasPrefix(contentType, "application/vnd.google.protobuf"),
		// Only OpenMetrics 1 hides creation in lines.
		created: opts.ReadCreated || !strings.Contains(contentType, "openmetrics") || strings.Contains(contentType, "version=2"),
	}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return r.x, nil
		}
		if err != nil {
			return nil, &Refusal{"prometheus", err}
		}
		if err := r.entry(entry); err != nil {
			return nil, err
		}
	}
}

type prometheusReader struct {
	x         *Exposition
	p         textparse.Parser
	described map[string]bool // by kind of line and name
	repeats   bool
	created   bool
}

func (r *prometheusReader) entry(entry textparse.Entry) error {
	switch entry {
	case textparse.EntryType:
		name, kind := r.p.Type()
		return r.describe("TYPE", name, string(kind), func(f *Family) *string { return &f.Type })
	case textparse.EntryHelp:
		name, help := r.p.Help()
		return r.describe("HELP", name, string(help), func(f *Family) *string { return &f.Help })
	case textparse.EntryUnit:
		name, unit := r.p.Unit()
		return r.describe("UNIT", name, string(unit), func(f *Family) *string { return &f.Unit })
	case textparse.EntrySeries:
		_, ms, v := r.p.Series()
		return r.sample(Sample{Value: Num(v)}, ms)
	case textparse.EntryHistogram:
		_, ms, h, fh := r.p.Histogram()
		if h == nil {
			return fmt.Errorf("judge: prometheus reads a histogram of floats: %v", fh)
		}
		if err := h.Validate(); err != nil {
			return &Refusal{"prometheus", err}
		}
		return r.sample(Sample{Native: fromHistogram(h).String()}, ms)
	default:
		return fmt.Errorf("judge: prometheus reads a comment: %q", r.p.Comment())
	}
}

// describe sets what one line says about a family, which no other may say again.
func (r *prometheusReader) describe(line string, rawName []byte, text string, field func(f *Family) *string) (err error) {
	name := unquote(string(rawName))
	again := r.described[line+name]
	r.described[line+name] = true
	r.x.describe(name, func(f *Family) {
		at := field(f)
		if again && (!r.repeats || *at != text) {
			err = fmt.Errorf("judge: %q has another %s: %q after %q", name, line, text, *at)
		}
		*at = text
	})
	return err
}

func (r *prometheusReader) sample(s Sample, ms *int64) error {
	var all labels.Labels
	r.p.Labels(&all)
	all.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			s.Name = l.Value
		} else {
			s.Labels = append(s.Labels, metric.Label{Name: l.Name, Value: l.Value})
		}
	})
	if _, twice := all.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("judge: prometheus reads a label twice: %v", all)
	}
	if ms != nil {
		s.Time = atMillis(*ms)
	}
	for e := new(exemplar.Exemplar); r.p.Exemplar(e); e = new(exemplar.Exemplar) {
		x := Exemplar{Value: Num(e.Value)}
		e.Labels.Range(func(l labels.Label) { x.Labels = append(x.Labels, metric.Label{Name: l.Name, Value: l.Value}) })
		if e.HasTs {
			x.Time = atMillis(e.Ts)
		}
		s.Exemplars = append(s.Exemplars, x)
	}
	if r.created {
		if ms := r.p.StartTimestamp(); ms != 0 {
			s.Created = atMillis(ms)
		}
	}
	return r.x.Add(s)
}

// unquote undoes the escapes of a quoted name in a line of metadata, which the
// parser leaves in.
func unquote(name string) string {
	if !strings.Contains(name, `\`) {
		return name
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n").Replace(name)
}

func fromHistogram(h *histogram.Histogram) *Native {
	n := &Native{
		Gauge: h.CounterResetHint == histogram.GaugeType, Schema: int(h.Schema),
		ZeroThreshold: h.ZeroThreshold, ZeroCount: h.ZeroCount, Count: h.Count, Sum: h.Sum,
	}
	n.Positive = absolute(h.PositiveSpans, h.PositiveBuckets)
	n.Negative = absolute(h.NegativeSpans, h.NegativeBuckets)
	return n
}

// absolute returns what is in each bucket, given by how much it holds more than the
// one before.
func absolute(spans []histogram.Span, deltas []int64) map[int]uint64 {
	buckets := make(map[int]uint64)
	index, count := int32(0), int64(0)
	for _, s := range spans {
		index += s.Offset
		for range s.Length {
			count += deltas[0]
			deltas = deltas[1:]
			buckets[int(index)] = uint64(count)
			index++
		}
	}
	return buckets
}
