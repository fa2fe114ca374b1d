// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

// page renders the page, and wants it to have everything.
func (r *metricsReference) page(t *testing.T) string {
	tables := make(map[*metricsScene]string)
	buckets := make(map[*metricsScene]bool)
	functions := template.FuncMap{
		"table": func(s *metricsScene) string {
			if s != nil {
				tables[s] = metricsTable(s)
			}
			return tables[s]
		},
		"process": func() string {
			tables[r.Process] = processTable(r.Process, r.Systems)
			return tables[r.Process]
		},
		"more": func() string {
			buckets[r.More] = true
			tables[r.More] = moreOfTheRuntime(r.More)
			return tables[r.More]
		},
		"appearance": appearance,
		"buckets": func(s *metricsScene) string {
			buckets[s] = true
			return bucketsOf(s)
		},
		"values": func(s *metricsScene, label string) string {
			if s == nil {
				return ""
			}
			return quoted(s.valuesOf(label)...)
		},
		"joined":   func(names []string) string { return strings.Join(quotedEach(names), " and ") },
		"reasons":  func() string { return reasonsTable(r.Multiproc, r.Sources) },
		"accepted": r.accepted,
	}
	parsed, err := template.New("metrics.tmpl").Funcs(functions).ParseFiles(filepath.Join("testdata", "metrics.tmpl"))
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, parsed.Execute(&b, r))

	page := evenLines(b.String())
	sections := sectionsOf(page)
	for name, s := range r.scenes() {
		require.NotEmpty(t, tables[s], "the template has no table of %s", name)
		for label := range s.known {
			require.True(t, s.used[label], "the template does not have the values of %s in %s", label, name)
		}
		require.Equal(t, hasBuckets(s), buckets[s], "buckets of %s", name)
		i := slices.IndexFunc(sections, func(section string) bool { return strings.Contains(section, tables[s]) })
		require.GreaterOrEqual(t, i, 0, "%s is in two sections", name)
		labelsExplained(t, s, sections[i])
	}
	return page
}

// explained is what a section says of a label.
var explained = regexp.MustCompile("(?m)^- `([a-z_]+)`: ")

// labelsExplained wants a section to say something of the labels of its metrics, and of no
// others.
func labelsExplained(t *testing.T, s *metricsScene, section string) {
	var want, got []string
	for _, m := range s.metrics {
		for _, label := range m.labels {
			if !slices.Contains(want, label) {
				want = append(want, label)
			}
		}
	}
	for _, m := range explained.FindAllStringSubmatch(section, -1) {
		if s.metrics[m[1]] == nil { // or else it is of the metric's buckets
			got = append(got, m[1])
		}
	}
	require.ElementsMatch(t, want, got, "labels of %q", strings.SplitN(section, "\n", 2)[0])
}

// sectionsOf splits a page before each heading.
func sectionsOf(page string) []string {
	var all []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") || len(all) == 0 {
			all = append(all, "")
		}
		all[len(all)-1] += line
	}
	return all
}

// metricsTable is the table of all that a scene exposes. Labels that not all series have are
// in parentheses.
func metricsTable(s *metricsScene) string {
	rows := [][]string{{"Metric", "Type", "Unit", "Labels", "Help"}}
	for _, m := range s.sorted() {
		var labels []string
		for _, label := range m.labels {
			if m.always(label) {
				labels = append(labels, quoted(label))
			} else {
				labels = append(labels, "("+quoted(label)+")")
			}
		}
		rows = append(rows, []string{quoted(m.Name), m.Kind.String(), m.Unit, strings.Join(labels, ", "), inCell(m.Help)})
	}
	return markdownTable(rows)
}

// appearance lists what makes which metrics appear.
func appearance(s *metricsScene) string {
	switch {
	case s == nil || len(s.steps) == 0:
		return ""
	case len(s.steps) == 1:
		return "All are there " + strings.ToLower(s.steps[0][:1]) + s.steps[0][1:] + ".\n"
	}
	var b strings.Builder
	for _, step := range s.steps {
		var names []string
		for _, m := range s.sorted() {
			if m.step == step {
				names = append(names, m.Name)
			}
		}
		b.WriteString(hanging("- " + step + ": " + quoted(names...) + "."))
	}
	return b.String()
}

func hasBuckets(s *metricsScene) bool {
	for _, m := range s.metrics {
		if m.Kind == metric.Histogram {
			return true
		}
	}
	return false
}

// bucketsOf lists the buckets of a scene's histograms.
func bucketsOf(s *metricsScene) string {
	var lists []string
	names := make(map[string][]string) // by their buckets
	for _, m := range s.sorted() {
		if m.Kind == metric.Histogram {
			list := numbers(m.bounds())
			if names[list] == nil {
				lists = append(lists, list)
			}
			names[list] = append(names[list], m.Name)
		}
	}
	var b strings.Builder
	for _, list := range lists {
		b.WriteString(hanging("- " + quoted(names[list]...) + ": " + list + "."))
	}
	return b.String()
}
