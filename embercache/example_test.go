// SPDX-License-Identifier: Apache-2.0

package embercache_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
	"github.com/embermetrics/ember/metric"
)

// A sync.Map is a cache that never forgets.
func ExampleWrap() {
	reg := ember.NewRegistry()
	var names sync.Map
	cache := embercache.Wrap(embercache.NewMetrics(reg, embercache.Options{Name: "names"}), embercache.Local(
		func(id int) (string, bool) {
			name, found := names.Load(id)
			if !found {
				return "", false
			}
			return name.(string), true
		},
		func(id int, name string) { names.Store(id, name) },
	))

	for range 3 {
		name, err := cache.GetOrLoad(context.Background(), 7, func(_ context.Context, id int) (string, error) {
			fmt.Println("loading", id)
			return "Ada", nil
		})
		fmt.Println(name, err)
	}
	show(reg, "cache_requests_total")
	// Output:
	// loading 7
	// Ada <nil>
	// Ada <nil>
	// Ada <nil>
	// # HELP cache_requests_total Values that a cache was asked for.
	// # TYPE cache_requests_total counter
	// cache_requests_total{cache="names",result="canceled"} 0
	// cache_requests_total{cache="names",result="error"} 0
	// cache_requests_total{cache="names",result="hit"} 2
	// cache_requests_total{cache="names",result="miss"} 1
}

// A cache that calls back for what it drops needs the metrics before it is there.
func ExampleMetrics_Evicted() {
	reg := ember.NewRegistry()
	m := embercache.NewMetrics(reg, embercache.Options{Name: "pages"})
	newLRU := func(size int, onEvict func(key, value string)) { onEvict("/old", "…") } // stands for a cache's own
	newLRU(128, func(string, string) { m.Evicted() })
	show(reg, "cache_evictions_total")
	// Output:
	// # HELP cache_evictions_total Entries that a cache dropped to make place.
	// # TYPE cache_evictions_total counter
	// cache_evictions_total{cache="pages"} 1
}

// some is a Gatherer of what was gathered.
type some []*metric.Family

func (s some) Gather() ([]*metric.Family, error) { return s, nil }

// show prints some of what a registry exposes.
func show(reg *ember.Registry, names ...string) {
	families, _ := reg.Gather()
	families = slices.DeleteFunc(families, func(f *metric.Family) bool { return !slices.Contains(names, f.Name) })
	ember.WriteText(os.Stdout, some(families))
}
