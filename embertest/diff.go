// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"cmp"
	"slices"
	"strings"
)

// diffContext is how many equal lines are shown around others.
const diffContext = 2

// diff is a scrape beside what was wanted of it.
type diff struct{ blocks []*block } // by name

// block is the part of a diff about one family.
type block struct {
	name      string
	pairs     []*pair
	want, got int // how many lines of it there are
}

// pair is what is said of one key. At least one of both is there.
type pair struct{ want, got *entry }

func (p *pair) either() *entry {
	if p.got != nil {
		return p.got
	}
	return p.want
}

// newDiff lays them side by side. Names are those of families that may be in them.
func newDiff(want, got []entry, names []string) *diff {
	d := &diff{}
	kinds := make(map[string]string) // of families, by name
	for _, list := range [][]entry{got, want} {
		for _, e := range list {
			if kind, ok := strings.CutPrefix(e.key, "# TYPE "); ok && kinds[kind] == "" {
				kinds[kind] = e.value
			}
		}
	}
	for _, name := range names {
		if name = written(name); kinds[name] == "" {
			kinds[name] = "histogram" // or anything else, if it has samples called like one's
		}
	}
	pairs := make(map[string]*pair)
	for i := range got {
		e := &got[i]
		p := &pair{got: e}
		pairs[e.key] = p
		b := d.block(e.family(kinds))
		b.pairs = append(b.pairs, p)
		b.got++
	}
	for i := range want {
		e := &want[i]
		b := d.block(e.family(kinds))
		b.want++
		if p := pairs[e.key]; p != nil {
			p.want = e
			continue
		}
		b.insert(&pair{want: e})
	}
	slices.SortFunc(d.blocks, func(a, b *block) int { return cmp.Compare(a.name, b.name) })
	return d
}

// family returns the name of the family that an entry belongs to.
func (e *entry) family(kinds map[string]string) string {
	if e.header {
		return e.name
	}
	for _, suffix := range sampleSuffixes {
		if name, ok := strings.CutSuffix(e.name, "_"+suffix); ok && kinds[e.name] == "" {
			if kind := kinds[name]; kind == "histogram" || kind == "summary" && suffix != "bucket" {
				return name
			}
		}
	}
	return e.name
}

func (d *diff) block(name string) *block {
	for i := len(d.blocks) - 1; i >= 0; i-- { // lines of a family are most often together
		if d.blocks[i].name == name {
			return d.blocks[i]
		}
	}
	b := &block{name: name}
	d.blocks = append(d.blocks, b)
	return b
}

// insert puts what is only wanted where it might have been.
func (b *block) insert(p *pair) {
	at := len(b.pairs)
	if p.want.header {
		at = slices.IndexFunc(b.pairs, func(o *pair) bool { return !o.either().header })
		if at < 0 {
			at = len(b.pairs)
		}
	}
	for i, o := range b.pairs {
		if e := o.either(); !p.want.header && !e.header && e.name == p.want.name {
			if e.key > p.want.key {
				at = i
				break
			}
			at = i + 1
		}
	}
	b.pairs = slices.Insert(b.pairs, at, p)
}

// equal reports whether nothing is to be said of p. Headers need not be wanted.
func (b *block) equal(p *pair) bool {
	switch {
	case p.got == nil:
		return false
	case p.want == nil:
		return p.got.header && b.want > 0
	}
	return p.got.same(p.want)
}

func (d *diff) differs() bool {
	return slices.ContainsFunc(d.blocks, func(b *block) bool {
		return slices.ContainsFunc(b.pairs, func(p *pair) bool { return !b.equal(p) })
	})
}

// lines returns what differs with some of what does not.
func (d *diff) lines() []string {
	type line struct {
		text  string
		equal bool
	}
	var all []line
	for _, b := range d.blocks {
		for _, p := range b.pairs {
			if b.equal(p) {
				all = append(all, line{"  " + p.got.text, true})
				continue
			}
			if p.want != nil {
				all = append(all, line{"- " + p.want.text, false})
			}
			if p.got != nil {
				all = append(all, line{"+ " + p.got.text, false})
			}
		}
	}
	var shown []string
	last := -1 // the last line shown
	for i, l := range all {
		near := false
		for j := max(0, i-diffContext); j <= min(len(all)-1, i+diffContext); j++ {
			near = near || !all[j].equal
		}
		if !near {
			continue
		}
		if i > last+1 {
			shown = append(shown, "  …")
		}
		shown = append(shown, l.text)
		last = i
	}
	if last < len(all)-1 {
		shown = append(shown, "  …")
	}
	return shown
}
