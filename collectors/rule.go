// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// exactSums holds, by distribution, the metric that counts its sum.
var exactSums = map[string]string{
	"/gc/heap/allocs-by-size:bytes": "/gc/heap/allocs:bytes",
	"/gc/heap/frees-by-size:bytes":  "/gc/heap/frees:bytes",
}

// runtimeBuilder gathers the families of a [Go] and the samples they need. Every
// metric is sampled once, however many families use it.
type runtimeBuilder struct {
	all      []metrics.Description
	known    map[string]metrics.ValueKind // by name, of all
	names    map[string]bool              // of the families so far
	families []runtimeFamily
	buckets  int // of the histograms so far

	samples []metrics.Sample
	indexes map[string]int // in samples, by name
}

func newRuntimeBuilder() *runtimeBuilder {
	b := &runtimeBuilder{
		all:     metrics.All(),
		known:   make(map[string]metrics.ValueKind),
		names:   make(map[string]bool),
		indexes: make(map[string]int),
	}
	for i := range b.all {
		b.known[b.all[i].Name] = b.all[i].Kind
	}
	for _, d := range basicFamilies {
		b.names[d.Name] = true
	}
	return b
}

// addSum adds a family of the fixed set, unless this version of Go lacks one of
// its metrics: a missing series is noticed, a sum without one of its parts is
// not.
func (b *runtimeBuilder) addSum(f sumFamily, mode metric.Mode) {
	for _, name := range f.of {
		if b.known[name] != metrics.KindUint64 {
			return
		}
	}
	added := runtimeFamily{
		desc: metric.Desc{Name: f.name, Help: f.help, Unit: f.unit, Kind: f.kind, Mode: mode},
		sum:  -1,
	}
	for _, name := range f.of {
		added.samples = append(added.samples, b.sample(name))
	}
	b.add(added)
}

// allow adds all metrics that a rule matches, in the order of runtime/metrics,
// and returns an error that names the rules without a match.
func (b *runtimeBuilder) allow(rules []string) error {
	used := make([]bool, len(rules))
	for i := range b.all {
		d := &b.all[i]
		desc, ok := runtimeDesc(d)
		if !ok {
			continue
		}
		matched := false
		for j, rule := range rules {
			if matches(rule, d.Name) {
				used[j], matched = true, true
			}
		}
		if matched && !b.names[desc.Name] {
			b.addMetric(d, desc)
		}
	}

	var errs []error
	for j, rule := range rules {
		if !used[j] {
			errs = append(errs, fmt.Errorf("ember: go collector: the rule %q allows no metric of %s", rule, runtime.Version()))
		}
	}
	return errors.Join(errs...)
}

// addMetric adds the family desc with the value of d.
func (b *runtimeBuilder) addMetric(d *metrics.Description, desc metric.Desc) {
	f := runtimeFamily{desc: desc, samples: []int{b.sample(d.Name)}, sum: -1}
	if d.Kind == metrics.KindFloat64Histogram {
		read := []metrics.Sample{{Name: d.Name}}
		metrics.Read(read)
		f.reduce = newReduction(read[0].Value.Float64Histogram().Buckets, desc.Unit)
		b.buckets += len(f.reduce.bounds)
		if name := exactSums[d.Name]; b.known[name] == metrics.KindUint64 {
			f.sum = b.sample(name)
		}
	}
	b.add(f)
}

//go:noinline
func (b *runtimeBuilder) add(f runtimeFamily) {
	b.names[f.desc.Name] = true
	b.families = append(b.families, f)
}

// sample returns the index of the sample called name, which it adds if needed.
//
//go:noinline
func (b *runtimeBuilder) sample(name string) int {
	i, ok := b.indexes[name]
	if !ok {
		i = len(b.samples)
		b.samples = append(b.samples, metrics.Sample{Name: name})
		b.indexes[name] = i
	}
	return i
}

// matches reports whether rule is name, or an asterisk after a prefix of it.
func matches(rule, name string) bool {
	if prefix, ok := strings.CutSuffix(rule, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return rule == name
}

var unitReplacer = strings.NewReplacer("-", "_", "*", "_", "/", "_per_")

// runtimeDesc describes the family for d as GoOpts.Allow documents. It is not
// ok if d has a kind that was unknown when this was written, or a name that does
// not make the name of a family.
func runtimeDesc(d *metrics.Description) (desc metric.Desc, ok bool) {
	path, unit, ok := strings.Cut(d.Name, ":")
	if !ok || !strings.HasPrefix(path, "/") || unit == "" {
		return metric.Desc{}, false
	}
	desc = metric.Desc{
		Name: "go" + strings.NewReplacer("/", "_", "-", "_").Replace(path),
		Help: strings.Join(strings.Fields(d.Description), " "),
		Unit: unitReplacer.Replace(unit),
		Kind: metric.Gauge,
	}
	desc.Name += "_" + desc.Unit

	switch d.Kind {
	case metrics.KindUint64, metrics.KindFloat64:
		if d.Cumulative {
			desc.Kind = metric.Counter
			desc.Name += "_total"
		}
	case metrics.KindFloat64Histogram:
		desc.Kind = metric.Histogram
	default:
		return metric.Desc{}, false
	}
	return desc, isName(desc.Name)
}

// isName reports whether every reader of every format accepts name.
func isName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		default:
			return false
		}
	}
	return true
}
