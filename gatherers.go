// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/embermetrics/ember/metric"
)

// Gatherers exposes several gatherers as one: registries, or anyone's. Families
// of one name become one family.
//
// Where two contradict each other (in a family's type, help or unit, in a name
// that two families would write, or in having the same series) the earlier one is
// exposed, and the error names both. Ember's own metrics of several registries are
// added up.
//
// Registries are streamed, except for families that several gatherers share,
// which are copied first.
type Gatherers []Gatherer

// Gather returns the merged families, and the errors of the gatherers and of
// merging them.
func (gs Gatherers) Gather() ([]*metric.Family, error) {
	s := gs.prepare(context.Background(), request{escaping: EscapingAllowUTF8})
	return s.snapshot(), s.err
}

// owned is a family and the number of the gatherer that it is from.
type owned struct {
	*scrapeFamily
	from int
}

func (gs Gatherers) prepare(ctx context.Context, q request) *scrape {
	var merged scrape
	var errs []error
	families := make(map[string]*owned) // by written name
	claimed := make(map[string]*owned)  // by each name written
	for i, g := range gs {
		s := preparerOf(g).prepare(ctx, q)
		if s.err != nil {
			errs = append(errs, s.err)
		}
		for _, f := range s.families {
			if known := families[f.written()]; known != nil {
				errs = append(errs, known.merge(f, i, q.escaping)...)
				continue
			}
			fresh := &owned{f, i}
			if err := fresh.claim(claimed); err != nil {
				errs = append(errs, err)
				continue
			}
			families[f.written()] = fresh
			merged.families = append(merged.families, f)
		}
	}
	sort.Sort((*scrapedByName)(&merged.families))
	merged.err = joined(errs)
	return &merged
}

// claim takes every name that f may write, unless a family of another gatherer has
// it.
func (f *owned) claim(claimed map[string]*owned) error {
	names := claims(f.name, f.kind)
	for _, name := range names {
		if other := claimed[name]; other != nil && other.from != f.from {
			return errorf("ember: %v %q of gatherer %d collides with %v %q of gatherer %d: both write %q",
				f.kind, f.name, f.from+1, other.kind, other.name, other.from+1, name)
		}
	}
	for _, name := range names {
		if claimed[name] == nil {
			claimed[name] = f
		}
	}
	return nil
}

// merge adds the series of other, from gatherer i, to f.
func (f *owned) merge(other *scrapeFamily, i int, e Escaping) []error {
	known := *f.familyInfo
	if other.name != known.name {
		return []error{errorf("ember: %q of gatherer %d and %q of gatherer %d are both written %q", known.name, f.from+1, other.name, i+1, known.written())}
	}
	source := fmt.Sprintf("gatherer %d", f.from+1)
	if err := agree(&known, &metric.Family{Name: other.name, Help: other.help, Unit: other.unit, Kind: other.kind}, source); err != nil {
		return []error{errorf("%w; that of gatherer %d is left out", err, i+1)}
	}
	sum := slices.Contains(ownFamilies, f.familyInfo)
	points := copyPoints(f.scrapeFamily, e)
	index := make(map[string]int, len(points)) // by labels in canonical order
	for j, p := range points {
		index[string(appendLabels(nil, tidy(p.Labels, ""), EscapingUnderscores))] = j
	}
	var errs []error
	for _, p := range copyPoints(other, e) {
		id := string(appendLabels(nil, tidy(p.Labels, ""), EscapingUnderscores))
		j, taken := index[id]
		switch {
		case !taken:
			index[id] = len(points)
			points = append(points, p)
		case sum:
			points[j].Value += p.Value
		default:
			errs = append(errs, errorf("ember: %s of gatherer %d is there already, from gatherer %d", seriesName(other.name, p.text), i+1, f.from+1))
		}
	}
	sort.Sort((*pointsByText)(&points))
	f.parts = []scrapePart{{info: &partInfo{}, points: points}}
	return errs
}

// copyPoints returns all series of a family as points, with all their labels
// rendered.
func copyPoints(f *scrapeFamily, e Escaping) []point {
	one := scrape{families: []*scrapeFamily{f}}
	var points []point
	for _, family := range one.snapshot() {
		for i := range family.Points {
			p := &family.Points[i]
			fresh, _ := newPoint(f.kind, p) // its exemplars were checked before
			fresh.text = string(appendLabels(nil, p.Labels, e))
			points = append(points, fresh)
		}
	}
	return points
}

// foreign is a gatherer that is not Ember's: what it returns may contain anything.
type foreign struct{ Gatherer }

func (g foreign) prepare(_ context.Context, q request) *scrape {
	var families []*metric.Family
	errs := []error{readable(guard(func() (err error) {
		families, err = g.Gather()
		return err
	}))}
	s := &scrape{}
	seen := make(map[string]bool) // written names
	all := make(nameSet)
	names := make(siblings)
	for _, f := range families {
		if f == nil {
			continue
		}
		err := checkFamily(f)
		var points []point
		if err == nil {
			var lost losses
			points, err = render(f, nil, q.escaping, &lost)
			errs = append(errs, lost.point)
			for why, n := range lost.exemplars {
				if n > 0 {
					errs = append(errs, errorf("ember: %d exemplars of %v %q were dropped: %s", n, f.Kind, f.Name, flawNames[why]))
				}
			}
		}
		info := newFamilyInfo(f.Name, f.Help, f.Unit, f.Kind)
		if err == nil && seen[info.written()] {
			err = errorf("ember: %v %q was gathered twice", f.Kind, f.Name)
		}
		if err == nil {
			err = names.add(f.Name, f.Kind)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seen[info.written()] = true
		all.add(f.Name, f.Kind)
		if !q.wants(f.Name, f.Kind) {
			continue
		}
		s.families = append(s.families, collected(info, points))
	}
	sort.Sort((*scrapedByName)(&s.families))
	for _, f := range s.families {
		f.shadowed = all.shadow(f.familyInfo)
	}
	s.err = joined(errs)
	return s
}
