// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// sampleNames says what the samples of a kind are called, beside those that are called
// like their family.
type sampleNames struct {
	suffixes []string // of samples that the family cannot do without, in some format
	created  bool     // OpenMetrics may have a sample that says when a series began
	cut      string   // OpenMetrics leaves this out of the family's name, if it ends so
}

var sampleNamesOf = [...]sampleNames{
	metric.Unknown:        {},
	metric.Counter:        {cut: "_total", created: true},
	metric.Gauge:          {},
	metric.Histogram:      {suffixes: []string{"_bucket", "_sum", "_count"}, created: true},
	metric.Summary:        {suffixes: []string{"_sum", "_count"}, created: true},
	metric.GaugeHistogram: {suffixes: []string{"_bucket", "_sum", "_count", "_gsum", "_gcount"}},
	metric.Info:           {cut: "_info"},
	metric.StateSet:       {},
}

// baseOf returns what OpenMetrics calls a family: without the suffix that only its
// samples have there. A family of a kind that wants a suffix and does not have it is of
// another kind there, and ok is false.
//
//go:noinline
func baseOf(name string, kind metric.Kind) (base string, ok bool) {
	cut := sampleNamesOf[kind].cut
	if base, ok = strings.CutSuffix(name, cut); ok && base != "" {
		return base, true
	}
	return name, false
}

// samples returns the names of a family and of the samples that it cannot do without
// in some format.
//
//go:noinline
func samples(name string, kind metric.Kind) []string {
	names := []string{name}
	for _, suffix := range sampleNamesOf[kind].suffixes {
		names = append(names, name+suffix)
	}
	return names
}

// writtenNames returns the name of a family and of all samples that it may write in
// some format.
func writtenNames(name string, kind metric.Kind) []string {
	names := samples(name, kind)
	base, ok := baseOf(name, kind)
	if base != name {
		names = append(names, base)
	}
	if ok && sampleNamesOf[kind].created {
		names = append(names, base+"_created")
	}
	return names
}

// claims returns every name that a family may write in some format, so that two
// families never write the same one. The names are as escaped in each way; that two
// names meet only if escaped in different ways is rare enough to be refused too.
func claims(name string, kind metric.Kind) []string {
	if classic(name, true) {
		return writtenNames(name, kind)
	}
	var all []string
	for _, spelled := range spellings(name) {
		for _, n := range writtenNames(spelled, kind) {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}

// siblings are the families of one collector. Some well-known ones make claims that
// collide, as go_memstats_alloc_bytes and …_total do in OpenMetrics, but none may
// write the samples of another.
type siblings map[string]string // full names by sample name

func (s siblings) add(name string, kind metric.Kind) error {
	for _, spelled := range spellings(name) {
		for _, w := range samples(spelled, kind) {
			if other, ok := s[w]; ok && other != name {
				return errorf("ember: %v %q collides with %q of the same collector: both write %q", kind, name, other, w)
			}
			s[w] = name
		}
	}
	return nil
}

// nameSet holds the written names of families, and those that OpenMetrics has for
// them: each with the family, or with "" if there are several.
type nameSet map[string]string

func (s nameSet) add(name string, kind metric.Kind) {
	written := escapeName(name)
	base, _ := baseOf(written, kind)
	for _, w := range [...]string{written, base} {
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
	base, _ := baseOf(f.written(), f.kind)
	if base != f.written() && s[base] == "" {
		return true
	}
	_, taken := s[base+"_created"]
	return taken && sampleNamesOf[f.kind].created
}
