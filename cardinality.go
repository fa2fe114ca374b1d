// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// Cardinality says where a registry's series come from: which families have most, and
// which labels make them so many.
type Cardinality struct {
	Series   int                 `json:"series"`   // label sets of all families
	Samples  int                 `json:"samples"`  // what they are in Prometheus' text: a histogram has one for each bucket and two more
	Families []FamilyCardinality `json:"families"` // those with most series first, then by name
}

// FamilyCardinality says how many series a family has.
type FamilyCardinality struct {
	Name     string             `json:"name"`
	Type     string             `json:"type"`
	Series   int                `json:"series"`
	Samples  int                `json:"samples"`
	Limit    int                `json:"limit,omitempty"`    // of a vector; 0: none
	Overflow float64            `json:"overflow,omitempty"` // how often there was no place for a series so far
	Labels   []LabelCardinality `json:"labels,omitempty"`   // those with most values first, then by name
}

// LabelCardinality says how many different values a label has.
type LabelCardinality struct {
	Name     string   `json:"name"`
	Values   int      `json:"values"`
	Budget   int      `json:"budget,omitempty"`   // 0: none
	Overflow float64  `json:"overflow,omitempty"` // how often there was no place for a value so far
	Examples []string `json:"examples,omitempty"` // up to five values, those of most series first, each cut after 64 bytes
}

// Cardinality counts the series that r exposes, and the values of their labels. It
// calls collectors and functions, like a scrape, and returns an error beside what could
// be had. Updates do not wait for it, but it takes memory for each different value: ask
// it as an operator, not as a dashboard.
func (r *Registry) Cardinality() (*Cardinality, error) { return r.cardinality(context.Background()) }

func (r *Registry) cardinality(ctx context.Context) (*Cardinality, error) {
	s := r.prepare(ctx, request{escaping: EscapingAllowUTF8})
	var c census
	s.write(&c)
	return c.result(), s.err
}

// census is the encoder that counts series instead of writing them.
type census struct {
	families []*familyCensus
	now      *familyInfo
	at       *partInfo
	tmp      scratch
}

type familyCensus struct {
	FamilyCardinality
	labels  []*labelCensus // in order of appearance
	counted map[*childmap.Map]bool
}

type labelCensus struct {
	LabelCardinality
	series map[string]int // by value
}

func (c *census) names() (*familyInfo, Escaping) { return c.now, EscapingAllowUTF8 }
func (c *census) failed() bool                   { return false }
func (c *census) scratch() *scratch              { return &c.tmp }

func (c *census) family(f *familyInfo) {
	c.now = f
	c.families = append(c.families, &familyCensus{FamilyCardinality: FamilyCardinality{Name: f.name, Type: f.kind.String()}, counted: make(map[*childmap.Map]bool)})
}

func (c *census) part(p *partInfo) {
	c.at = p
	f := c.families[len(c.families)-1]
	if p.def == nil || p.def.children == nil || f.counted[p.def.children] {
		return
	}
	f.counted[p.def.children] = true
	if n := p.def.children.MaxChildren(); n > 0 {
		f.Limit += n
	}
	children := p.def.children.Target()
	for i, name := range p.labels {
		f.label(name).Budget += children.MaxValues(i)
	}
	p.def.overflows(func(label string, n float64) {
		if label == "" {
			f.Overflow += n
		} else {
			f.label(label).Overflow += n
		}
	})
}

func (f *familyCensus) label(name string) *labelCensus {
	for _, l := range f.labels {
		if l.Name == name {
			return l
		}
	}
	l := &labelCensus{LabelCardinality: LabelCardinality{Name: name}, series: make(map[string]int)}
	f.labels = append(f.labels, l)
	return l
}

func (c *census) series(text string, samples int) {
	f := c.families[len(c.families)-1]
	f.Series++
	f.Samples += samples
	for _, l := range c.at.shared {
		f.label(l.Name).series[l.Value]++
	}
	i := 0
	for name, value := range childmap.Pairs(text) {
		if i < len(c.at.labels) {
			name = c.at.labels[i]
		}
		f.label(name).series[value]++
		i++
	}
}

func (c *census) value(labels string, _ float64, _ *extras) { c.series(labels, 1) }

func (c *census) histogram(labels string, s *histogramSnapshot) { c.series(labels, len(s.buckets)+2) }

func (c *census) summary(labels string, s *summarySnapshot) { c.series(labels, len(s.values)+2) }

func (c *census) result() *Cardinality {
	all := &Cardinality{}
	for _, f := range c.families {
		if f.Series == 0 && f.Overflow == 0 {
			continue
		}
		for _, l := range f.labels {
			l.Values = len(l.series)
			l.Examples = l.examples()
			f.Labels = append(f.Labels, l.LabelCardinality)
		}
		sort.Slice(f.Labels, func(i, j int) bool {
			a, b := &f.Labels[i], &f.Labels[j]
			return a.Values > b.Values || a.Values == b.Values && a.Name < b.Name
		})
		all.Series += f.Series
		all.Samples += f.Samples
		all.Families = append(all.Families, f.FamilyCardinality)
	}
	sort.Slice(all.Families, func(i, j int) bool {
		a, b := &all.Families[i], &all.Families[j]
		return a.Series > b.Series || a.Series == b.Series && a.Name < b.Name
	})
	return all
}

// maxExamples is how many values of a label are shown.
const maxExamples = 5

// examples returns the values of most series, by which they come first.
func (l *labelCensus) examples() []string {
	var best []string
	before := func(a, b string) bool {
		return l.series[a] > l.series[b] || l.series[a] == l.series[b] && a < b
	}
	for v := range l.series {
		i := len(best)
		for i > 0 && before(v, best[i-1]) {
			i--
		}
		if i == maxExamples {
			continue
		}
		best = append(best[:i], append([]string{v}, best[i:]...)...)
		best = best[:min(len(best), maxExamples)]
	}
	for i, v := range best {
		best[i] = cut(v)
	}
	return best
}

// WriteTo writes the report for people to read.
func (c *Cardinality) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d series, %d samples in a scrape\n", c.Series, c.Samples)
	for _, f := range c.Families {
		fmt.Fprintf(&b, "\n%s (%s): %d series", f.Name, f.Type, f.Series)
		if f.Samples != f.Series {
			fmt.Fprintf(&b, ", %d samples", f.Samples)
		}
		if f.Limit > 0 {
			fmt.Fprintf(&b, ", limit %d", f.Limit)
		}
		if f.Overflow > 0 {
			fmt.Fprintf(&b, "; no place %.0f times", f.Overflow)
		}
		b.WriteByte('\n')
		for _, l := range f.Labels {
			fmt.Fprintf(&b, "  %s: %d values", l.Name, l.Values)
			if l.Budget > 0 {
				fmt.Fprintf(&b, ", budget %d", l.Budget)
			}
			if l.Overflow > 0 {
				fmt.Fprintf(&b, "; no place %.0f times", l.Overflow)
			}
			fmt.Fprintf(&b, ", such as %q\n", l.Examples)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// CardinalityHandler serves r's Cardinality: as text, or as JSON if the query says
// format=json or the client accepts application/json. It is for operators, and shows
// label values: mount it where they can reach it and others cannot.
//
//	mux.Handle("GET /debug/cardinality", ember.CardinalityHandler(ember.Default()))
func CardinalityHandler(r *Registry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, fmt.Sprintf("ember: method %s is not allowed here, only GET and HEAD", req.Method), http.StatusMethodNotAllowed)
			return
		}
		ctx, cancel := leaveTime(req.Context())
		defer cancel()
		c, err := r.cardinality(ctx)
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Cache-Control", "no-store")
		if req.URL.Query().Get("format") == "json" || strings.Contains(req.Header.Get("Accept"), "application/json") {
			w.Header().Set("Content-Type", "application/json")
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			_ = e.Encode(struct {
				*Cardinality
				Error string `json:"error,omitempty"`
			}{c, text(err)})
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err != nil {
			fmt.Fprintf(w, "incomplete: %v\n", err)
		}
		_, _ = c.WriteTo(w)
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// seriesCount is exposed by registries that were asked to.
var seriesCount = newFamilyInfo("ember_series", "Series of a vector, the one of all others included.", "", metric.Gauge)

// WithSeriesMetric makes a registry expose ember_series{metric}: how many series each
// vector has.
func WithSeriesMetric() RegistryOption {
	return func(s *registryState) { s.countSeries.Store(true) }
}
