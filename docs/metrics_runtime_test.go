// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

// collectorScene is what one collector exposes. If the default registry is to have it, it
// must have all of that.
func collectorScene(t *testing.T, c metric.Describer, byDefault bool) *metricsScene {
	s := newScene(t)
	if len(c.Describe()) == 0 {
		return s // on this system
	}
	reg := ember.NewRegistry()
	reg.MustRegister(c)
	s.expose("From the beginning", reg, "")
	if byDefault {
		families, err := ember.Default().Gather()
		require.NoError(t, err)
		has := make(map[string]bool)
		for _, f := range families {
			has[f.Name] = true
		}
		for _, m := range s.sorted() {
			require.True(t, has[m.Name], "%s is not in the default registry", m.Name)
		}
	}
	return s
}

// moreScene is what GoOpts.Allow can add to the fixed set.
func moreScene(t *testing.T, fixed *metricsScene) *metricsScene {
	s := collectorScene(t, collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}}), false)
	for name := range fixed.metrics {
		require.Contains(t, s.metrics, name)
		delete(s.metrics, name)
	}
	return s
}

// moreOfTheRuntime lists what GoOpts.Allow can add: the metrics one by one, and those that
// say the same of one setting each, in a table.
func moreOfTheRuntime(s *metricsScene) string {
	paths := pathsOfTheRuntime(s)
	setting := regexp.MustCompile(`^The number of non-default behaviors executed by the (\S+) package due to a non-default GODEBUG=(\w+)=\.\.\. setting\.$`)
	settings := [][]string{{"Metric", "Package", "Setting"}}
	var b strings.Builder
	for _, m := range s.sorted() {
		if of := setting.FindStringSubmatch(m.Help); of != nil && m.Kind.String() == "counter" && m.Unit == "events" {
			require.Equal(s.t, "/godebug/non-default-behavior/"+of[2]+":events", paths[m.Name])
			settings = append(settings, []string{quoted(m.Name), quoted(of[1]), quoted(of[2])})
			continue
		}
		b.WriteString(hanging(fmt.Sprintf("- %s, %v, in %s, of %s.", quoted(m.Name), m.Kind, quoted(m.Unit), quoted(paths[m.Name]))))
		b.WriteString(wrapped(m.Help, "  "))
		if m.Kind.String() == "histogram" {
			b.WriteString(wrapped("Buckets: "+numbers(m.bounds())+".", "  "))
		}
	}
	require.Greater(s.t, len(settings), 10)
	b.WriteString("\nThese are counters, in `events`, of `/godebug/non-default-behavior/`, the setting and `:events`:\n" +
		"how often the package did not behave as by default, because of that setting in `GODEBUG`.\n\n")
	return b.String() + markdownTable(settings)
}

// pathsOfTheRuntime returns the names that runtime/metrics has for the metrics of a scene.
func pathsOfTheRuntime(s *metricsScene) map[string]string {
	paths := make(map[string]string)
	for _, d := range metrics.All() {
		c := collectors.NewGo(collectors.GoOpts{Allow: []string{d.Name}})
		if c.Err() != nil {
			continue // it is not for collectors
		}
		for _, desc := range c.Describe() {
			if s.metrics[desc.Name] != nil {
				require.NotContains(s.t, paths, desc.Name)
				paths[desc.Name] = d.Name
			}
		}
	}
	require.Len(s.t, paths, len(s.metrics))
	return paths
}

// systems are those on which something is known of processes, with the files that say what.
var systems = []struct{ name, goos string }{{"Linux", "linux"}, {"macOS", "darwin"}, {"Windows", "windows"}}

// processMetrics returns which metrics of a process there are on each system, as the
// sources say: of this one it must be what is exposed.
func processMetrics(t *testing.T, s *moduleSources, exposed *metricsScene) map[string]map[string]bool {
	names := make(map[string]string) // by the index that the sources call them by
	for _, e := range s.variable("collectors/process.go", "processFamilies") {
		kv := e.(*ast.KeyValueExpr)
		names[kv.Key.(*ast.Ident).Name] = nameField(kv.Value.(*ast.CompositeLit))
	}
	has := make(map[string]map[string]bool) // by name and system
	for _, system := range systems {
		for _, e := range s.variable("collectors/process_"+system.goos+".go", "readable") {
			name := names[e.(*ast.Ident).Name]
			require.NotEmpty(t, name)
			if has[name] == nil {
				has[name] = make(map[string]bool)
			}
			has[name][system.goos] = true
		}
	}
	require.Len(t, has, len(names), "a metric that no system has")
	if slices.ContainsFunc(systems, func(s struct{ name, goos string }) bool { return s.goos == runtime.GOOS }) {
		for name, on := range has {
			require.Equal(t, on[runtime.GOOS], exposed.metrics[name] != nil, name)
		}
	}
	return has
}

// processTable is the table of a process' metrics, with the systems that have them.
func processTable(s *metricsScene, has map[string]map[string]bool) string {
	head := []string{"Metric", "Type", "Unit"}
	for _, system := range systems {
		head = append(head, system.name)
	}
	rows := [][]string{append(head, "Help")}
	for _, m := range s.sorted() {
		require.Empty(s.t, m.labels)
		row := []string{quoted(m.Name), m.Kind.String(), m.Unit}
		for _, system := range systems {
			if has[m.Name][system.goos] {
				row = append(row, "yes")
			} else {
				row = append(row, "")
			}
		}
		rows = append(rows, append(row, inCell(m.Help)))
	}
	return markdownTable(rows)
}
