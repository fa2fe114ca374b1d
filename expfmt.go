// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/embermetrics/ember/metric"
)

// Format is a wire format for metrics.
type Format uint8

// FormatText is Prometheus' text format, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/.
const FormatText Format = 0

// ContentType returns the value of the Content-Type header that announces f.
func (f Format) ContentType() string {
	return "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
}

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
	if f != FormatText {
		return fmt.Errorf("ember: there is no format %d", f)
	}
	s := prepare(context.Background(), g)
	return errors.Join(s.err, s.encode(context.Background(), w, f))
}

// encoder turns series into bytes of one format, or into a snapshot. The calls
// are, in order: family, then for each part of it part, then its series.
type encoder interface {
	// family starts a family. Nothing is written of one without series.
	family(f *familyInfo)
	// part starts series that share labels.
	part(p *partInfo)
	// The labels are as a child of a vector has them: rendered, without braces.
	value(labels string, v float64)
	histogram(labels string, s *histogramSnapshot)
	summary(labels string, s *summarySnapshot)
	// failed reports that further calls are in vain.
	failed() bool
	// scratch returns memory for snapshots, to be used until the next call.
	scratch() *scratch
}

// familyInfo is what all series of a family share. It is constant.
type familyInfo struct {
	name    string // as declared, with the prefixes of sub-registries
	written string // as written when UTF-8 is not asked for
	help    string
	unit    string
	kind    metric.Kind
}

func newFamilyInfo(name, help, unit string, kind metric.Kind) *familyInfo {
	return &familyInfo{name: name, written: escapeName(name), help: help, unit: unit, kind: kind}
}

// partInfo is what the series of one instrument, or of one collector, share
// beyond the family. It is constant.
type partInfo struct {
	shared []metric.Label // the labels of sub-registries, then the constant ones
	text   string         // shared, rendered
	def    *definition    // of an instrument
}

func newPartInfo(shared []metric.Label, d *definition) *partInfo {
	return &partInfo{shared: shared, text: string(appendLabels(nil, shared)), def: d}
}

// scratch is memory that one scrape reuses from series to series.
type scratch struct {
	histogram histogramSnapshot
	summary   summarySnapshot
}

const (
	spillSize = 32 << 10  // a buffer this full is passed on
	maxBuffer = 256 << 10 // a buffer that has grown beyond this is not kept
)

// output collects bytes and passes them on in large pieces.
type output struct {
	ctx context.Context
	w   io.Writer
	buf []byte
	err error // why nothing more is passed on
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

func (o *output) failed() bool { return o.err != nil }

var textEncoders = sync.Pool{New: func() any {
	return &textEncoder{output: output{buf: make([]byte, 0, spillSize+spillSize/4)}}
}}

// encode writes the scrape to w until ctx is done.
func (s *scrape) encode(ctx context.Context, w io.Writer, _ Format) error {
	e := textEncoders.Get().(*textEncoder)
	e.ctx, e.w, e.err = ctx, w, nil
	s.write(e)
	e.flush()
	err := e.err
	e.ctx, e.w = nil, nil
	e.buf = e.buf[:0]
	if cap(e.buf) <= maxBuffer {
		textEncoders.Put(e)
	}
	return err
}
