// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// Gatherer is what can be exposed: a Registry, several of them (Gatherers), or
// anything that builds families itself.
//
// Gather returns families in any order, and may return families beside an
// error: those that could be had. The caller must not change them.
type Gatherer interface {
	Gather() ([]*metric.Family, error)
}

// WriteText writes what g exposes in the text format 0.0.4, as Write does.
func WriteText(w io.Writer, g Gatherer) error { return Write(w, g, FormatText) }

// Write writes what g exposes in the given format: families sorted by name, in
// each its series sorted by labels, so that the same values give the same bytes.
//
// What could not be collected is left out and returned as an error; everything
// else is written. After an error from w nothing more is written, and what was
// written is not complete.
func Write(w io.Writer, g Gatherer, f Format) error {
	if !f.known() {
		return errorf("ember: there is no format %d", f)
	}
	s := preparerOf(g).prepare(context.Background(), request{escaping: f.escaping()})
	return errors.Join(s.err, s.encode(context.Background(), w, f))
}

// encoder turns series into bytes of one format, or into a snapshot. The calls
// are, in order: family, then for each part of it part, then its series.
type encoder interface {
	// family starts a family. Nothing is written of one without series.
	family(f *familyInfo)
	// part starts series that share labels.
	part(p *partInfo)
	// The labels are as a child of a vector has them: rendered, without braces. What
	// is in extras and snapshots may be overwritten after the call; x may be nil.
	value(labels string, v float64, x *extras)
	histogram(labels string, s *histogramSnapshot)
	summary(labels string, s *summarySnapshot)
	// names returns the family now, and how names are written.
	names() (*familyInfo, Escaping)
	// failed reports that further calls are in vain.
	failed() bool
	// scratch returns memory for snapshots, to be used until the next call.
	scratch() *scratch
}

// wireEncoder is an encoder of a wire format, which is used for one scrape after
// another.
type wireEncoder interface {
	encoder
	// begin prepares for a scrape.
	begin(f Format)
	// end writes what comes after the last family.
	end()
	bytes() *output
}

// familyInfo is what all series of a family share. It is constant.
type familyInfo struct {
	name    string   // as declared, with the prefixes of sub-registries
	spelled spelling // as written
	classic bool     // so all spellings are name
	help    string
	unit    string
	kind    metric.Kind
	// shadowed says that another family is called as OpenMetrics would call this
	// counter or info, without its suffix, or the line that says when this one began.
	// Only families of one collector may be in each other's way so.
	shadowed bool
}

func newFamilyInfo(name, help, unit string, kind metric.Kind) *familyInfo {
	return &familyInfo{name: name, spelled: spellMetric(name), classic: classic(name, true), help: help, unit: unit, kind: kind}
}

// written returns the name as it is written with underscores, which is what names
// are compared by.
func (f *familyInfo) written() string { return f.spelled[EscapingUnderscores] }

// hasUnit reports whether formats that say the unit may say it of a family that
// they call base: only if its name says so too.
func (f *familyInfo) hasUnit(base string) bool {
	if f.unit == "" || f.kind == metric.Info || f.kind == metric.StateSet || !classic("_"+f.unit, true) {
		return false
	}
	rest, ok := strings.CutSuffix(base, f.unit)
	return ok && strings.HasSuffix(rest, "_")
}

// partInfo is what the series of one instrument, or of one collector, share
// beyond the family. It is constant.
type partInfo struct {
	shared []metric.Label // the labels of sub-registries, then the constant ones
	text   spelling       // shared, rendered
	def    *definition    // of an instrument
	labels []string       // of an instrument: its other labels, as exposed

	syntax  *childmap.Syntax             // how a child's text spells labels
	spelled *[escapings]*childmap.Syntax // and how each Escaping does; nil if there is no difference
}

func newPartInfo(shared []metric.Label, d *definition) *partInfo {
	if d == nil {
		return newPart(shared, nil, &exposure{})
	}
	return newPart(shared, d, d.exposed())
}

// newPart is newPartInfo for a definition that is exposed in a certain way.
func newPart(shared []metric.Label, d *definition, e *exposure) *partInfo {
	p := &partInfo{shared: shared, def: d, labels: e.labels, syntax: e.syntax, spelled: e.spelled}
	for e := range p.text {
		p.text[e] = string(appendLabels(nil, shared, Escaping(e)))
		if p.text[e] == p.text[0] {
			p.text[e] = p.text[0] // one string is enough
		}
	}
	return p
}

// syntaxes returns how the labels are spelled in a child's text, and how e spells
// them; nil and nil if there is no difference.
func (p *partInfo) syntaxes(e Escaping) (from, to *childmap.Syntax) {
	if p.spelled == nil || e == EscapingUnderscores {
		return nil, nil
	}
	return p.syntax, p.spelled[e]
}

// extras is what a series may have beside its value. The zero extras are none.
type extras struct {
	stamps
	exemplar *exemplar
}

// stamps are the times that belong to a series. The zero stamps are none.
type stamps struct {
	created instant // when it began
	millis  int64   // when the value was taken, in milliseconds since 1970
	timed   bool    // millis says something
}

// instant is a moment in nanoseconds since 1970. The zero instant is unknown: it stands
// for one in the year 1677, so that 1970 itself can be meant.
type instant int64

func instantOf(nanos int64) instant { return instant(nanos ^ math.MinInt64) }

func (i instant) known() bool { return i != 0 }

func (i instant) nanos() int64 { return int64(i) ^ math.MinInt64 }

// millis rounds down, so that no time is announced before it has come.
func (i instant) millis() int64 { return time.Unix(0, i.nanos()).UnixMilli() }

func (i instant) time() time.Time { return time.Unix(0, i.nanos()) }

// scratch is memory that one scrape reuses from series to series.
type scratch struct {
	extras    extras
	histogram histogramSnapshot
	summary   summarySnapshot
}

const (
	spillSize = 32 << 10  // a buffer this full is passed on
	maxBuffer = 512 << 10 // a buffer that has grown beyond this is not kept
)

// output collects bytes and passes them on in large pieces.
type output struct {
	ctx context.Context
	w   io.Writer
	buf []byte
	err error // why nothing more is passed on
	tmp scratch
}

// spill passes the bytes on if there are many.
func (o *output) spill() {
	if len(o.buf) >= spillSize {
		o.flush()
	}
}

func (o *output) flush() {
	if o.err == nil {
		o.err = o.ctx.Err()
	}
	if o.err == nil && len(o.buf) > 0 {
		_, o.err = o.w.Write(o.buf)
	}
	o.buf = o.buf[:0]
}

func (o *output) failed() bool      { return o.err != nil }
func (o *output) scratch() *scratch { return &o.tmp }
func (o *output) bytes() *output    { return o }

// encoders are kept from scrape to scrape, with their buffers.
var encoders = [formats]sync.Pool{
	FormatText:         {New: func() any { return new(textEncoder) }},
	FormatText1:        {New: func() any { return new(textEncoder) }},
	FormatOpenMetrics:  {New: func() any { return new(openMetricsEncoder) }},
	FormatOpenMetrics0: {New: func() any { return new(openMetricsEncoder) }},
	FormatOpenMetrics2: {New: func() any { return new(openMetrics2Encoder) }},
	FormatProtobuf:     {New: func() any { return new(protobufEncoder) }},
}

// encode writes the scrape to w until ctx is done.
func (s *scrape) encode(ctx context.Context, w io.Writer, f Format) error {
	pool := &encoders[f.wire()]
	e := pool.Get().(wireEncoder)
	o := e.bytes()
	o.ctx, o.w, o.err = ctx, w, nil
	if o.buf == nil {
		o.buf = make([]byte, 0, spillSize+spillSize/4)
	}
	e.begin(f)
	s.write(e)
	e.end()
	o.flush()
	err := o.err
	o.ctx, o.w = nil, nil
	if cap(o.buf) <= maxBuffer {
		pool.Put(e)
	}
	return err
}
