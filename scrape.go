// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// scrape is everything that will be written, in order, before it is written:
// collectors have been called, instruments are only referred to.
type scrape struct {
	families []*scrapeFamily // by written name
	err      error           // what is missing, and why
}

type scrapeFamily struct {
	*familyInfo
	parts []scrapePart
}

// scrapePart is the series of one instrument, or all points that collectors have
// written under one name.
type scrapePart struct {
	info       *partInfo
	instrument instrument
	called     []calledSeries // of the instrument
	points     []point        // if instrument is nil, in order
}

// point is a collected point as it is written: with its labels rendered, and its
// exemplars checked.
type point struct {
	text      string
	exemplars []*exemplar // a counter's, or one for each bucket, +Inf's included; empty: none
	native    []*exemplar // of native buckets, by time
	metric.Point
}

// newPoint returns a point of a kind with its exemplars, and why others of them were
// dropped. The labels are left to the caller.
func newPoint(kind metric.Kind, p *metric.Point) (q point, dropped []flaw) {
	q.Point = *p
	take := func(x *metric.Exemplar) *exemplar {
		if x == nil {
			return nil
		}
		e, why := newExemplar(x)
		if why != flawless {
			dropped = append(dropped, why)
		}
		return e
	}
	switch kind {
	case metric.Counter:
		if x := take(p.Exemplar); x != nil {
			q.exemplars = []*exemplar{x}
		}
	case metric.Histogram, metric.GaugeHistogram:
		native := p.Native != nil && len(bounded(p.Buckets)) == 0
		for i := range p.Buckets {
			x := take(p.Buckets[i].Exemplar)
			switch {
			case x == nil:
			case native:
				q.native = append(q.native, x)
			default:
				if q.exemplars == nil {
					q.exemplars = make([]*exemplar, len(p.Buckets)+1)
				}
				q.exemplars[i] = x
			}
		}
		if native {
			for i := range p.Native.Exemplars {
				if x := take(&p.Native.Exemplars[i]); x != nil {
					q.native = append(q.native, x)
				}
			}
		}
	}
	if dropped != nil {
		q.forget()
	}
	return q, dropped
}

// forget takes the exemplars that were dropped out of what is gathered, too. What a
// collector handed over stays as it is.
func (p *point) forget() {
	valid := func(x *metric.Exemplar) bool {
		_, why := newExemplar(x)
		return why == flawless
	}
	if p.Exemplar != nil && !valid(p.Exemplar) {
		p.Exemplar = nil
	}
	p.Buckets = slices.Clone(p.Buckets)
	for i := range p.Buckets {
		if x := p.Buckets[i].Exemplar; x != nil && !valid(x) {
			p.Buckets[i].Exemplar = nil
		}
	}
	if p.Native != nil {
		n := *p.Native
		n.Exemplars = slices.DeleteFunc(slices.Clone(n.Exemplars), func(x metric.Exemplar) bool { return !valid(&x) })
		p.Native = &n
	}
}

// bounded returns buckets without the one for +Inf, which is the last if it is there.
func bounded(buckets []metric.Bucket) []metric.Bucket {
	if n := len(buckets); n > 0 && isInf(buckets[n-1].UpperBound, 1) {
		return buckets[:n-1]
	}
	return buckets
}

// stamps returns the times of the point.
func (p *point) stamps() stamps {
	var t stamps
	if !p.Created.IsZero() {
		t.created = p.Created.UnixNano()
	}
	if !p.Time.IsZero() {
		t.millis, t.timed = p.Time.UnixMilli(), true
	}
	return t
}

// empty reports whether there is nothing but Ember's own metrics.
func (s *scrape) empty() bool {
	return !slices.ContainsFunc(s.families, func(f *scrapeFamily) bool { return !slices.Contains(ownFamilies, f.familyInfo) })
}

func (s *scrape) write(e encoder) {
	for _, f := range s.families {
		e.family(f.familyInfo)
		for i := range f.parts {
			if e.failed() {
				return
			}
			f.parts[i].write(e, f.kind)
		}
	}
}

func (p *scrapePart) write(e encoder, kind metric.Kind) {
	e.part(p.info)
	if p.instrument != nil {
		if c := &p.info.def.clock; c.armed() {
			c.advance(exemplarPeriod)
		}
		p.instrument.write(e, p.called)
		return
	}
	snapshot, _ := e.(*snapshotter)
	for i := range p.points {
		q := &p.points[i]
		switch {
		case snapshot != nil:
			snapshot.add(q.Point)
		case e.failed():
			return
		case kind == metric.Histogram, kind == metric.GaugeHistogram:
			h := &e.scratch().histogram
			h.set(q)
			e.histogram(q.text, h)
		case kind == metric.Summary:
			m := &e.scratch().summary
			m.set(q)
			e.summary(q.text, m)
		default:
			x := &e.scratch().extras
			x.stamps, x.exemplar = q.stamps(), nil
			if len(q.exemplars) > 0 {
				x.exemplar = q.exemplars[0]
			}
			e.value(q.text, q.Value, x)
			*x = extras{}
		}
	}
}

// set makes s a snapshot of a collected point.
func (s *histogramSnapshot) set(p *point) {
	bounded := bounded(p.Buckets)
	s.stamps = p.stamps()
	s.count, s.sum = p.Count, p.Sum
	s.buckets = s.buckets[:0]
	for _, b := range bounded {
		s.buckets = append(s.buckets, b.Count)
	}
	s.buckets = append(s.buckets, p.Count)
	// Most often all points of a family have the same bounds.
	if !slices.EqualFunc(s.bounds, bounded, func(a float64, b metric.Bucket) bool { return a == b.UpperBound }) || s.le.none() {
		s.bounds = make([]float64, len(bounded))
		for i, b := range bounded {
			s.bounds[i] = b.UpperBound
		}
		s.le = boundLabels(s.bounds)
	}
	s.exemplars = append(s.exemplars[:0], p.exemplars...)
	s.nativeExemplars = append(s.nativeExemplars[:0], p.native...)
	s.native = nil
	if p.Native != nil {
		s.native = &s.ownNative
		s.native.Reset(native.Scale{Schema: p.Native.Schema, ZeroThreshold: p.Native.ZeroThreshold})
		s.native.Zero = p.Native.ZeroCount
		for _, b := range p.Native.Positive {
			s.native.Positive.Add(b.Index, b.Count)
		}
		for _, b := range p.Native.Negative {
			s.native.Negative.Add(b.Index, b.Count)
		}
		s.sortExemplars()
	}
}

// set makes s a snapshot of a collected point.
func (s *summarySnapshot) set(p *point) {
	s.stamps = p.stamps()
	s.count, s.sum = p.Count, p.Sum
	s.values = s.values[:0]
	for _, q := range p.Quantiles {
		s.values = append(s.values, q.Value)
	}
	if !slices.EqualFunc(s.quantiles, p.Quantiles, func(a float64, b metric.Quantile) bool { return a == b.Quantile }) || s.labels.none() {
		s.quantiles = make([]float64, len(p.Quantiles))
		for i, q := range p.Quantiles {
			s.quantiles[i] = q.Quantile
		}
		s.labels = newNumberLabels("quantile", s.quantiles)
	}
}

// prepare collects what g exposes.
func prepare(ctx context.Context, g Gatherer, q request) *scrape {
	if p, ok := g.(interface {
		prepare(ctx context.Context, q request) *scrape
	}); ok {
		return p.prepare(ctx, q)
	}
	return prepareForeign(g, q)
}

// prepare calls r's collectors and functions, checks what they wrote and puts it
// in order with the instruments.
func (r *Registry) prepare(ctx context.Context, q request) *scrape {
	r.mu.Lock()
	families, custom := r.inOrder(), r.custom
	r.mu.Unlock()

	var regs []*registration
	for _, reg := range custom {
		if r.exposes(reg.in) && reg.wanted(q) {
			regs = append(regs, reg)
		}
	}
	instruments := make([]*scrapeFamily, 0, len(families)+len(ownFamilies))
	for _, f := range families {
		if !q.wants(f.name, f.kind) {
			continue
		}
		var parts []scrapePart
		for _, m := range f.members {
			if i, ok := m.collector.(instrument); ok && r.exposes(m.in) {
				parts = append(parts, scrapePart{info: m.part, instrument: i})
				if _, ok := i.(calling); ok {
					regs = append(regs, m)
				}
			}
		}
		if parts != nil {
			instruments = append(instruments, &scrapeFamily{f.familyInfo, parts})
		}
	}

	called := make(map[instrument][]calledSeries)
	m := merger{r: r, request: q, names: make(nameSet), families: make(map[string]*scrapeFamily), owners: make(map[string]*registration)}
	var failures []error
	jobs := collect(ctx, regs)
	if errors.Is(ctx.Err(), context.Canceled) {
		// Nobody waits for the result, and no collector is to blame.
		return &scrape{err: fmt.Errorf("ember: the scrape was given up: %w", context.Cause(ctx))}
	}
	for _, j := range jobs {
		if j.reg.part.def != nil {
			called[j.reg.collector.(instrument)] = j.outcome()
		} else if j.err == nil {
			j.err = m.add(j)
		}
		if j.err != nil {
			failures = append(failures, r.failed(j))
		}
	}
	for _, f := range instruments {
		for i := range f.parts {
			f.parts[i].called = called[f.parts[i].instrument]
		}
	}
	all := instruments
	for _, f := range m.families {
		f.shadowed = m.names.shadow(f.familyInfo)
		all = append(all, f)
	}
	if r.parent == nil {
		all = append(all, r.own(q)...)
	}
	sortFamilies(all)
	return &scrape{families: all, err: errors.Join(failures...)}
}

// merger puts together what collectors wrote, of each collector all or nothing, but
// for values that no series of their kind can have.
type merger struct {
	r        *Registry
	request  request
	families map[string]*scrapeFamily // by full name; the points of each in order
	owners   map[string]*registration // of the names that undescribed families may write
	names    nameSet                  // of all families, also those that the request does not want
}

func (m *merger) add(j *job) error {
	families := j.sink.Families()
	rendered := make([][]point, len(families))
	var lost losses
	names := make(siblings)
	for i, f := range families {
		if err := m.check(j.reg, f); err != nil {
			return err
		}
		if err := names.add(f.Name, f.Kind); err != nil {
			return err
		}
		rename(f, j.reg.in.prefix+f.Name)
		var err error
		if rendered[i], err = render(f, j.reg.in.labels, m.request.escaping, &lost); err != nil {
			return err
		}
		if known := m.families[f.Name]; known != nil {
			if err := agree(known.familyInfo, f, "another collector"); err != nil {
				return err
			}
			if text, ok := common(known.parts[0].points, rendered[i]); ok {
				return fmt.Errorf("ember: %s was written by another collector", seriesName(f.Name, text))
			}
		}
	}
	for i, f := range families {
		m.names.add(f.Name, f.Kind)
		if !m.request.wants(f.Name, f.Kind) {
			continue
		}
		if known := m.families[f.Name]; known != nil {
			points := &known.parts[0].points
			*points = append(*points, rendered[i]...)
			sortPoints(*points)
		} else {
			m.families[f.Name] = &scrapeFamily{newFamilyInfo(f.Name, f.Help, f.Unit, f.Kind), []scrapePart{{info: &partInfo{}, points: rendered[i]}}}
		}
		for _, name := range claims(f.Name, f.Kind) {
			m.owners[name] = j.reg
		}
	}
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	for why, n := range lost.exemplars {
		m.r.flawed[why] += n
	}
	return lost.point
}

// rename gives a family another name, and so the label of a state set that is called
// like it.
func rename(f *metric.Family, name string) {
	if f.Kind == metric.StateSet && f.Name != name {
		for _, p := range f.Points {
			for i := range p.Labels {
				if p.Labels[i].Name == f.Name {
					p.Labels[i].Name = name
				}
			}
		}
	}
	f.Name = name
}

// losses are what was left out because it cannot be exposed.
type losses struct {
	point     error         // a point's value; the last one will do
	exemplars [flaws]uint64 // how many
}

// nameSet holds the written names of families, and those that OpenMetrics has for
// them: each with the family, or with "" if there are several.
type nameSet map[string]string

func (s nameSet) add(name string, kind metric.Kind) {
	written := escapeName(name)
	for _, w := range [...]string{written, baseOf(written, kind)} {
		if other, ok := s[w]; ok && other != name {
			s[w] = ""
		} else {
			s[w] = name
		}
	}
}

// shadow reports whether another family is called as OpenMetrics would call f or the
// line that says when it began.
func (s nameSet) shadow(f *familyInfo) bool {
	base := baseOf(f.written(), f.kind)
	if base != f.written() && s[base] == "" {
		return true
	}
	switch f.kind {
	case metric.Counter, metric.Histogram, metric.Summary:
		_, ok := s[base+"_created"]
		return ok
	}
	return false
}

// baseOf returns what OpenMetrics calls the family of what is written name elsewhere.
func baseOf(name string, kind metric.Kind) string {
	base, ok := "", false
	switch kind {
	case metric.Counter:
		base, ok = totalOf(name)
	case metric.Info:
		base, ok = strings.CutSuffix(name, "_info")
	}
	if !ok || base == "" {
		return name
	}
	return base
}

// totalOf returns what OpenMetrics calls the family of a counter, if its name ends
// in _total.
func totalOf(name string) (base string, ok bool) {
	base, ok = strings.CutSuffix(name, "_total")
	return base, ok && base != ""
}

// check refuses a family that is wrong by itself, is not as described, or writes
// names that are somebody else's.
func (m *merger) check(reg *registration, f *metric.Family) error {
	if err := checkFamily(f); err != nil {
		return err
	}
	if reg.described != nil {
		return checkDescribed(reg.described[f.Name], f)
	}
	name := reg.in.prefix + f.Name
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	if err := m.r.checkClaims(name, f.Kind); err != nil {
		return err
	}
	for _, w := range claims(name, f.Kind) {
		if other := m.owners[w]; other != nil && other != reg && m.families[name] == nil {
			return fmt.Errorf("ember: %v %q collides with what the collector %T wrote: both write %q", f.Kind, name, other.collector, w)
		}
	}
	return nil
}

// checkDescribed refuses a family that is not as its collector described it.
func checkDescribed(descs []metric.Desc, f *metric.Family) error {
	if len(descs) == 0 {
		return fmt.Errorf("ember: %v %q was written, but not described", f.Kind, f.Name)
	}
	d := descs[0] // the others agree
	if err := agree(&familyInfo{name: d.Name, help: d.Help, unit: d.Unit, kind: d.Kind}, f, "its description"); err != nil {
		return err
	}
	for _, p := range f.Points {
		if !slices.ContainsFunc(descs, func(d metric.Desc) bool { return fits(&d, p.Labels) }) {
			return fmt.Errorf("ember: %s has not the labels of its description", seriesName(f.Name, string(appendLabels(nil, p.Labels, EscapingUnderscores))))
		}
	}
	return nil
}

// fits reports whether labels are those that d describes.
func fits(d *metric.Desc, labels []metric.Label) bool {
	if len(labels) != len(d.ConstLabels)+len(d.Labels) {
		return false
	}
	for _, l := range labels {
		if !slices.Contains(d.ConstLabels, l) && !slices.Contains(d.Labels, l.Name) {
			return false
		}
	}
	return true
}

func agree(known *familyInfo, f *metric.Family, source string) error {
	switch {
	case known.kind != f.Kind:
		return fmt.Errorf("ember: %q is a %v, but a %v according to %s", f.Name, f.Kind, known.kind, source)
	case known.help != f.Help:
		return fmt.Errorf("ember: %q has the help %q, but %q according to %s", f.Name, f.Help, known.help, source)
	case known.unit != f.Unit:
		return fmt.Errorf("ember: %q has the unit %q, but %q according to %s", f.Name, f.Unit, known.unit, source)
	}
	return nil
}

// render adds the shared labels to the points of a family, renders all labels by
// name and puts the points in that order. The same labels twice are an error. Points
// and exemplars that cannot be exposed are left out, and noted as lost.
func render(f *metric.Family, shared []metric.Label, e Escaping, lost *losses) ([]point, error) {
	points := make([]point, 0, len(f.Points))
	var buf []byte
	var ends []int
	for i := range f.Points {
		if err := checkValue(f, &f.Points[i]); err != nil {
			lost.point = err
			continue
		}
		p, dropped := newPoint(f.Kind, &f.Points[i])
		for _, why := range dropped {
			lost.exemplars[why]++
		}
		if len(shared) > 0 || f.Kind == metric.StateSet { // else they were checked before
			p.Labels = append(slices.Clip(shared), p.Labels...)
			if err := checkLabelNames(&metric.Desc{Name: f.Name, Kind: f.Kind}, labelNames(&metric.Desc{ConstLabels: p.Labels})); err != nil {
				return nil, err
			}
		}
		p.Labels = tidy(p.Labels, stateLabel(f.Name, f.Kind))
		points = append(points, p)
		buf = appendLabels(buf, p.Labels, e)
		ends = append(ends, len(buf))
	}
	all := string(buf) // one string for all of them
	start := 0
	for i, end := range ends {
		points[i].text = all[start:end]
		start = end
	}
	sortPoints(points)
	for i := 1; i < len(points); i++ {
		if points[i].text == points[i-1].text {
			return nil, fmt.Errorf("ember: %s was written twice", seriesName(f.Name, points[i].text))
		}
	}
	return points, checkEmptyValues(f, points)
}

// checkEmptyValues refuses points that differ in nothing but labels without a value:
// to readers such labels are not there.
func checkEmptyValues(f *metric.Family, points []point) error {
	empty := func(l metric.Label) bool { return l.Value == "" }
	if !slices.ContainsFunc(points, func(p point) bool { return slices.ContainsFunc(p.Labels, empty) }) {
		return nil
	}
	seen := make(map[string]string, len(points)) // the text by the text without those labels
	for _, p := range points {
		text := string(appendLabels(nil, slices.DeleteFunc(slices.Clone(p.Labels), empty), EscapingUnderscores))
		if other, ok := seen[text]; ok {
			return fmt.Errorf("ember: %s and %s are one series: a label without a value is none", seriesName(f.Name, other), seriesName(f.Name, p.text))
		}
		seen[text] = p.text
	}
	return nil
}

// tidy returns labels by name, with valid values. The one called last, if it is there,
// is the last: so the states of one thing stand together.
func tidy(labels []metric.Label, last string) []metric.Label {
	less := func(i, j int) bool {
		a, b := labels[i].Name, labels[j].Name
		if a == last || b == last {
			return b == last && a != last
		}
		return a < b
	}
	if !sort.SliceIsSorted(labels, less) {
		labels = slices.Clone(labels)
		sort.Slice(labels, less)
	}
	for i, l := range labels {
		if valid := strings.ToValidUTF8(l.Value, "\uFFFD"); valid != l.Value {
			labels = slices.Clone(labels)
			labels[i].Value = valid
		}
	}
	return labels
}

// stateLabel returns the name of the label that names the state in a family; "" if
// there is none.
func stateLabel(name string, kind metric.Kind) string {
	if kind == metric.StateSet {
		return name
	}
	return ""
}

// sortPoints sorts by labels. Here as elsewhere package sort is used rather than
// package slices, whose code a binary holds once for each type that is sorted.
func sortPoints(points []point) {
	sort.Slice(points, func(i, j int) bool { return points[i].text < points[j].text })
}

func sortFamilies(all []*scrapeFamily) {
	sort.Slice(all, func(i, j int) bool { return all[i].written() < all[j].written() })
}

// common returns labels that stand in both of two lists, which are in order.
func common(a, b []point) (text string, ok bool) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].text == b[0].text:
			return a[0].text, true
		case a[0].text < b[0].text:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return "", false
}
