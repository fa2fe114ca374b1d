// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/embermetrics/ember/collectors"
)

var defaultRegistry = sync.OnceValue(func() *Registry { return newDefault(RulesFromEnv()) })

func newDefault(rules *Rules, misread error) *Registry {
	r := NewRegistry()
	if misread != nil {
		r.rule(&ruling{misread: misread})
	} else {
		WithRules(rules)(r.registryState)
	}
	for _, c := range []Collector{
		collectors.NewGo(collectors.GoOpts{}),
		collectors.NewProcess(collectors.ProcessOpts{}),
		collectors.NewBuildInfo(),
	} {
		if err := r.register(c); err != nil {
			panic(err)
		}
	}
	return r
}

// defaultJoined says that somebody has made the default registry one with other processes,
// or is about to: when it is there, for what is then logged may be counted in it.
var defaultJoined atomic.Bool

// Default returns the registry that the package's functions use. It is built at
// the first call, with the collectors of the Go runtime, of the process and of
// the build registered; each can be unregistered:
//
//	ember.Unregister(collectors.NewGo(collectors.GoOpts{}))
//
// It heeds the rules that RulesFromEnv finds, and, if the program imports package
// multiproc, the environment variable PROMETHEUS_MULTIPROC_DIR: with it, it is one with the
// default registries of the other processes that have the same directory. If that cannot
// be opened, the log says why, and the registry is that of this process alone.
func Default() *Registry {
	r := defaultRegistry()
	if !defaultJoined.Load() && defaultJoined.CompareAndSwap(false, true) {
		r.joinFromEnv()
	}
	r.say() // now, for whoever writes logs may count them here
	return r
}

// Register registers c in the default registry. See Registry.Register.
func Register(c Collector) error { return Default().Register(c) }

// MustRegister registers each of cs in the default registry, and panics with the
// first error.
func MustRegister(cs ...Collector) { Default().MustRegister(cs...) }

// Unregister ends the exposure of what c describes by the default registry. See
// Registry.Unregister.
func Unregister(c Collector) bool { return Default().Unregister(c) }

// Handler exposes the default registry over HTTP:
//
//	http.Handle("GET /metrics", ember.Handler())
func Handler() http.Handler { return newHandler(Default(), HandlerOpts{}) }
