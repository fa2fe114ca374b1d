// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/embermetrics/ember/metric"
)

// Collector writes values that live elsewhere at each scrape. Every instrument
// and vector is one too.
type Collector = metric.Collector

// instrument is what Ember's own kinds and vectors have in common. They are
// written straight from their cells, not collected first.
type instrument interface {
	Collector
	definition() *definition
	write(e encoder, called []calledSeries)
}

// calling is an instrument of which some series come from functions.
type calling interface {
	instrument
	callbacks() []calledSeries
}

// Registry says who is exposed, and under which name. Everything that cannot be
// right is refused when it is registered. Its methods may be called by any number
// of goroutines. Create one with NewRegistry; the zero Registry is not usable.
//
// A Registry is a Gatherer: Handler, WriteText and Gather expose it.
type Registry struct {
	*registryState
	parent *Registry      // what Sub was called on; nil: none
	prefix string         // of this sub-registry and those it is in
	labels []metric.Label // likewise
}

// registryState is shared by a registry and its sub-registries.
type registryState struct {
	logger    atomic.Pointer[slog.Logger]    // nil: slog.Default()
	exemplars atomic.Pointer[exemplarSource] // nil: none
	maxSeries atomic.Int64                   // of vectors that do not say; 0: defaultMaxSeries

	countSeries atomic.Bool // see WithSeriesMetric

	others atomic.Pointer[others] // see WithMultiproc; nil: none

	mu       sync.Mutex
	families map[string]*family   // by full name
	claimed  map[string][]string  // by each name that a family may write, escaped: the full names of those families
	custom   []*registration      // collectors that are not instruments, oldest first
	sorted   []*family            // families by written name; nil: to be rebuilt. Not changed once built
	failures map[string]uint64    // failed calls, by collector
	flawed   [flaws]uint64        // exemplars of collectors that were dropped
	retired  map[*definition]bool // unregistered, with updates dropped that still count
	ruling   *ruling              // nil: no rules
	unsaid   []logLine            // what is left to be logged, without mu

	saying atomic.Bool // there is something in unsaid
}

// registration is one call of Register, or, of a collector that describes several
// families, its part in one of them.
type registration struct {
	collector Collector
	in        *Registry                // whose prefix and labels it has
	desc      metric.Desc              // with these, as declared; empty if the collector describes nothing
	part      *partInfo                // as exposed
	plan      *plan                    // until it is in effect; nil: rules change nothing
	ruled     bool                     // rules have changed something
	hidden    bool                     // dropped by a rule
	left      atomic.Bool              // it is not registered any more
	first     *registration            // of the same call of Register
	parts     int                      // of the first: how many there are
	described map[string][]metric.Desc // of a collector: what it may write, by name, both without in's prefix and labels; nil: anything
	dropped   map[string]bool          // of these, by name, what rules drop

	run collectorRun // of a collector
}

// RegistryOption changes what NewRegistry returns, or a registry that exists: see
// Configure.
type RegistryOption func(*registryState)

// WithLogger makes a registry report failing collectors to l instead of
// slog.Default(); nil changes nothing.
func WithLogger(l *slog.Logger) RegistryOption {
	return func(s *registryState) {
		if l != nil {
			s.logger.Store(l)
		}
	}
}

func (s *registryState) log() *slog.Logger {
	if l := s.logger.Load(); l != nil {
		return l
	}
	return slog.Default()
}

// NewRegistry returns a registry in which nothing is registered. It exposes
// nothing until something is.
func NewRegistry(options ...RegistryOption) *Registry {
	s := &registryState{
		families: make(map[string]*family),
		claimed:  make(map[string][]string),
		failures: make(map[string]uint64),
		retired:  make(map[*definition]bool),
	}
	for _, o := range options {
		o(s)
	}
	for _, f := range ownFamilies {
		s.claim(f)
	}
	s.say()
	return &Registry{registryState: s}
}

// Configure applies options to a registry that exists, such as the default one:
//
//	ember.Default().Configure(ember.WithExemplarSource(currentTrace))
//
// They hold from now on, also for what was registered before. A sub-registry shares
// them with the registry that it is a view of.
func (r *Registry) Configure(options ...RegistryOption) {
	for _, o := range options {
		o(r.registryState)
	}
	r.say()
}

// Sub returns a view of r that puts prefix before the name of everything
// registered through it, and adds labels to every series. Both are applied once,
// at registration. Sub-registries of sub-registries add up: the outer prefix
// stands first.
//
// What is registered through the view is exposed by r. As a Gatherer, the view
// exposes only what was registered through it, without Ember's own metrics.
func (r *Registry) Sub(prefix string, labels Labels) *Registry {
	return &Registry{
		registryState: r.registryState,
		parent:        r,
		prefix:        r.prefix + prefix,
		labels:        append(slices.Clip(r.labels), labels.sorted()...),
	}
}

// AlreadyRegisteredError is why a collector was refused that describes series
// which are registered already.
type AlreadyRegisteredError struct {
	Name          string // of the family, with the labels that all its series share: x{zone="a"}
	Existing, New Collector
}

// Error names the metric and who has it.
func (e *AlreadyRegisteredError) Error() string {
	if _, ok := e.New.(instrument); ok && e.New == e.Existing {
		return fmt.Sprintf("ember: %s is already registered, by this very %T; one that a Registry has created needs no MustRegister", e.Name, e.New)
	}
	return fmt.Sprintf("ember: %s is already registered, by a %T", e.Name, e.Existing)
}

// Register makes c exposed from the next scrape on. On error nothing has changed.
//
// Refused is what would be wrong on the wire: a bad name, label, help, bucket or
// quantile; a family whose type, help, unit or label names differ from the one
// that has the name already; series that are registered already, with an
// AlreadyRegisteredError; and a name that collides with one that another family
// writes, such as the gauge "x_count" with the histogram "x".
//
// A Collector that is also a metric.Describer is checked the same way. What any
// other collector writes can only be checked when it does, at each scrape.
//
// Rules change how c is exposed, but never whether it can be registered.
func (r *Registry) Register(c Collector) error {
	err := r.register(c)
	r.say()
	return err
}

// register is Register, but leaves what is to be logged to the caller.
func (r *Registry) register(c Collector) error {
	if isNil(c) {
		return errNilCollector
	}
	of := untyped(c)
	if of == nil {
		return errorf("ember: a %T that was not made by a constructor cannot be registered", c)
	}
	c = of
	regs, err := r.describe(c)
	if err != nil {
		return err
	}
	later, err := r.addLocked(c, regs)
	if later != nil {
		later()
	}
	return err
}

func (r *Registry) addLocked(c Collector, regs []*registration) (later func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(c, regs)
}

// MustRegister registers each of cs, and panics with the first error.
func (r *Registry) MustRegister(cs ...Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// describe returns one registration for each family that c describes, checked by
// themselves, or a single one without a name.
func (r *Registry) describe(c Collector) ([]*registration, error) {
	if i, ok := c.(instrument); ok {
		d := i.definition()
		if err := checkInstrument(i, d); err != nil {
			return nil, err
		}
		reg, err := r.registration(c, d.Desc, d)
		return []*registration{reg}, err
	}
	if e, ok := c.(interface{ Err() error }); ok {
		if err := e.Err(); err != nil {
			return nil, err
		}
	}
	var descs []metric.Desc
	if describer, ok := c.(metric.Describer); ok {
		descs = describer.Describe()
	}
	if len(descs) == 0 {
		if !reflect.ValueOf(c).Comparable() {
			return nil, errorf("ember: a collector of type %T cannot be told from others: register a pointer, or describe it", c)
		}
		if err := checkDesc(&metric.Desc{Name: r.prefix + "x", ConstLabels: r.labels}); err != nil {
			return nil, err
		}
		return []*registration{{collector: c, in: r, part: newPartInfo(r.labels, nil)}}, nil
	}
	var regs []*registration
	for _, d := range descs {
		reg, err := r.registration(c, d, nil)
		if err != nil {
			return nil, err
		}
		regs = append(regs, reg)
	}
	return regs, nil
}

// checkInstrument returns why an instrument cannot be registered.
func checkInstrument(i instrument, d *definition) error {
	if d == nil {
		return errorf("ember: a %T that was not made by a constructor cannot be registered", i)
	}
	if v, ok := i.(interface{ curried() bool }); ok && v.curried() {
		return errorf("ember: %s is curried: register the vector itself", d)
	} else if !ok && len(d.Labels) > 0 {
		return errorf("ember: %s is a series of a vector: register the vector", d)
	}
	return d.err
}

// registration applies r's prefix and labels to a description and checks the
// result.
func (r *Registry) registration(c Collector, d metric.Desc, def *definition) (*registration, error) {
	if d.Name != "" {
		d.Name = r.prefix + d.Name
	}
	shared := append(slices.Clip(r.labels), d.ConstLabels...)
	d.ConstLabels = shared
	if err := checkDesc(&d); err != nil {
		return nil, err
	}
	if def == nil {
		shared = r.labels // collectors write their own constant labels
	}
	return &registration{collector: c, in: r, desc: d, part: newPartInfo(shared, def)}, nil
}

// add registers all of regs or none. What later is, if anything, is left to do once the
// registry is not locked any more.
func (r *Registry) add(c Collector, regs []*registration) (later func(), err error) {
	regs[0].parts = len(regs)
	info, _ := c.(*Info)
	if info != nil {
		info.mu.Lock() // Set has to wait until it is known which labels are left
		defer info.mu.Unlock()
		if err := info.check(r.labels, info.now.Load().list); err != nil {
			return nil, err
		}
	}
	names := make(siblings)
	for _, reg := range regs {
		reg.first = regs[0]
		if err := names.add(reg.desc.Name, reg.desc.Kind); err != nil {
			return nil, err
		}
	}
	if regs[0].desc.Name == "" {
		for _, other := range r.custom {
			if other.desc.Name == "" && other.collector == c && other.in.sameView(r) {
				return nil, &AlreadyRegisteredError{Name: fmt.Sprintf("%T", c), Existing: c, New: c}
			}
		}
		r.custom = append(slices.Clip(r.custom), regs[0])
		return nil, nil
	}
	if _, ok := c.(instrument); !ok {
		regs[0].described = make(map[string][]metric.Desc)
		for _, reg := range regs {
			d := reg.desc
			d.Name = strings.TrimPrefix(d.Name, r.prefix)
			d.ConstLabels = d.ConstLabels[len(r.labels):]
			regs[0].described[d.Name] = append(regs[0].described[d.Name], d)
		}
	}
	if d := regs[0].part.def; d != nil {
		d.shaping.Lock()
		defer d.shaping.Unlock()
	}
	fresh := make(map[string]*family)
	for _, reg := range regs {
		r.plan(reg)
		if err := r.join(fresh, reg); err != nil {
			return nil, err
		}
	}
	if info != nil && !slices.ContainsFunc(info.taken, func(l []metric.Label) bool { return slices.Equal(l, r.labels) }) {
		info.taken = append(info.taken, r.labels)
	}
	later = r.effect(c, regs)
	if o := r.others.Load(); o != nil {
		before := later
		later = func() {
			if before != nil {
				before()
			}
			for _, reg := range regs {
				(*o).adopt(reg)
			}
		}
	}
	if d := regs[0].part.def; d != nil {
		delete(r.retired, d)
		d.registry.Store(r.registryState)
		if d.children != nil && (r.maxSeries.Load() != 0 || d.exposed().maxSeries() != 0) {
			d.limit(r.limitOfSeries())
		}
	}
	for name, f := range fresh {
		if r.families[name] == nil {
			r.claim(f.familyInfo)
		}
		r.families[name] = f
	}
	r.sorted = nil
	if _, ok := c.(instrument); !ok {
		r.custom = append(slices.Clip(r.custom), regs[0])
	}
	return later, nil
}

// Unregister ends the exposure of what c describes, and reports whether all of it
// was registered through r: so an equal collector, freshly made, will do. A
// collector that describes nothing is found by being the same one.
func (r *Registry) Unregister(c Collector) bool {
	if isNil(c) {
		return false
	}
	if c = untyped(c); c == nil {
		return false
	}
	regs, err := r.describe(c)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if regs[0].desc.Name == "" {
		n := len(r.custom)
		r.custom = slices.DeleteFunc(slices.Clone(r.custom), func(o *registration) bool {
			return o.desc.Name == "" && o.collector == c && o.in.sameView(r)
		})
		return len(r.custom) < n
	}
	var found []*registration
	for _, reg := range regs {
		old := r.find(&reg.desc)
		if old == nil || (old.part.def == nil) != (reg.part.def == nil) {
			return false
		}
		found = append(found, old)
	}
	// All are there, but the parts of one collector only go together.
	if found[0].first.parts != len(found) {
		return false
	}
	for _, old := range found {
		if old.first != found[0].first {
			return false
		}
	}
	for _, old := range found {
		old.left.Store(true)
		r.leave(old)
		if d := old.part.def; d != nil {
			d.registry.CompareAndSwap(r.registryState, nil)
			if d.droppedAny() {
				r.retired[d] = true
			}
			if o := r.others.Load(); o != nil {
				(*o).leave(old)
			}
		}
	}
	r.custom = slices.DeleteFunc(slices.Clone(r.custom), func(o *registration) bool { return slices.Contains(found, o) })
	r.sorted = nil
	return true
}

// sameView reports whether two registries add the same prefix and labels.
//
//go:noinline
func (r *Registry) sameView(o *Registry) bool {
	return r.registryState == o.registryState && r.prefix == o.prefix && slices.Equal(r.labels, o.labels)
}

// exposes reports whether what is registered through o is exposed by r.
//
//go:noinline
func (r *Registry) exposes(o *Registry) bool {
	for ; o != nil; o = o.parent {
		if o.sameView(r) {
			return true
		}
	}
	return false
}

func isNil(c Collector) bool {
	if c == nil {
		return true
	}
	v := reflect.ValueOf(c)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
