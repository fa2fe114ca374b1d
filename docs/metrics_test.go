// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"flag"
	"log"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
)

var update = flag.Bool("update", false, "write the pages that come from the code")

const metricsPage = "metrics.md"

// metricsReference is what is known of all the metrics that Ember and its packages can
// expose.
type metricsReference struct {
	t       *testing.T
	Sources *moduleSources

	Go, More, Process, Build *metricsScene
	Own, Multiproc           *metricsScene
	Server, Client           *metricsScene
	SQL, Pool                *metricsScene
	Cache                    *metricsScene

	Systems  map[string]map[string]bool // that have a metric of the process
	Exporter []string                   // names of metrics
	Version  string                     // of Go
}

func newReference(t *testing.T) *metricsReference {
	discardLogs(t)
	sources := readSources(t)
	r := &metricsReference{
		t:         t,
		Sources:   sources,
		Go:        collectorScene(t, collectors.NewGo(collectors.GoOpts{}), true),
		Process:   collectorScene(t, collectors.NewProcess(collectors.ProcessOpts{}), true),
		Build:     collectorScene(t, collectors.NewBuildInfo(), true),
		Own:       ownScene(t, sources),
		Multiproc: multiprocScene(t, sources),
		Server:    serverScene(t, sources),
		Client:    clientScene(t, sources),
		SQL:       sqlScene(t, sources),
		Pool:      poolScene(t),
		Cache:     cacheScene(t),
		Version:   runtime.Version(),
	}
	r.More = moreScene(t, r.Go)
	r.Systems = processMetrics(t, sources, r.Process)
	r.Exporter = exporterMetrics(t, r.Multiproc)
	return r
}

// discardLogs lets scenes go wrong without a word.
func discardLogs(t *testing.T) {
	logger, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(output) // which SetDefault has redirected
		log.SetFlags(flags)
	})
	slog.SetDefault(slog.New(slog.DiscardHandler))
}

// scenes returns all of them, by their names.
func (r *metricsReference) scenes() map[string]*metricsScene {
	all := map[string]*metricsScene{
		"Go": r.Go, "More": r.More, "Process": r.Process, "Build": r.Build, "Own": r.Own, "Multiproc": r.Multiproc,
		"Server": r.Server, "Client": r.Client, "SQL": r.SQL, "Pool": r.Pool, "Cache": r.Cache,
	}
	maps.DeleteFunc(all, func(_ string, s *metricsScene) bool { return s == nil })
	return all
}

// world returns everything that was exposed, by name.
func (r *metricsReference) world() map[string]*exposedMetric {
	all := make(map[string]*exposedMetric)
	for _, s := range r.scenes() {
		for name, m := range s.metrics {
			require.NotContains(r.t, all, name, "two scenes have it")
			all[name] = m
		}
	}
	return all
}

// gathered returns everything that was exposed, as one registry would expose it.
func (r *metricsReference) gathered() gatheredMetrics {
	var all gatheredMetrics
	world := r.world()
	for _, name := range slices.Sorted(maps.Keys(world)) {
		all = append(all, &world[name].Family)
	}
	return all
}

// TestMetricsReference wants docs/metrics.md to have everything that can be exposed, as it
// is, and nothing else; with -update it writes the page.
func TestMetricsReference(t *testing.T) {
	r := newReference(t)
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"page", r.samePage}, // first, since others read what it writes
		{"sources", r.inSources},
		{"comments", r.inComments},
		{"words", r.words},
		{"lint", r.lint},
		{"promtool", r.promtool},
	} {
		t.Run(part.name, func(t *testing.T) {
			r.use(t)
			part.test(t)
		})
	}
	t.Run("servers", serverAddsNothing)
}

// use makes t what fails from now on.
func (r *metricsReference) use(t *testing.T) {
	r.t, r.Sources.t = t, t
	for _, s := range r.scenes() {
		s.t = t
	}
}

// samePage wants the page to be what is rendered, or makes it so.
func (r *metricsReference) samePage(t *testing.T) {
	page := r.page(t)
	if *update {
		require.Equal(t, "linux", runtime.GOOS, "the page is written where all of it can be exposed")
		require.NoError(t, os.WriteFile(metricsPage, []byte(page), 0o644))
		return
	}
	was := read(t, metricsPage)
	comparePages(t, was, page, r.leftOut(t, was))
}
