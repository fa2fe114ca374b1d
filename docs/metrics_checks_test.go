// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"go/ast"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
)

// inSources wants the sources to define what is exposed and nothing else, and the page to
// speak of nothing else.
func (r *metricsReference) inSources(t *testing.T) {
	world := r.world()
	families := make(map[string]bool)
	for name := range world {
		first, _, _ := strings.Cut(name, "_")
		families[first] = true
	}
	defined := r.Sources.defined(families)
	if r.Multiproc == nil {
		maps.DeleteFunc(defined, func(name, _ string) bool { return strings.HasPrefix(name, "ember_multiproc_") })
	}
	for name := range r.Systems { // which the sources have for all systems
		if world[name] == nil {
			require.NotEmpty(t, defined[name])
			delete(defined, name)
		}
	}
	for name, where := range defined {
		require.NotNil(t, world[name], "%s defines %s, which no scene exposes: let one do so", where, name)
	}
	for name := range world {
		if r.More.metrics[name] == nil { // or else it is the runtime's
			require.NotEmpty(t, defined[name], "no source defines %s", name)
		}
	}

	page := read(t, metricsPage)
	own := func(name string) bool { // not of the runtime of this version, or of another system
		return r.More.metrics[name] == nil && r.Systems[name] == nil && !strings.HasPrefix(name, "ember_multiproc_")
	}
	spoken := make(map[string]bool)
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		name := m[1]
		spoken[name] = true
		if first, _, ok := strings.Cut(name, "_"); ok && families[first] && own(name) && !strings.HasPrefix(name, "go_") {
			require.NotNil(t, world[name], "the page speaks of %s, which there is not", name)
		}
	}
	for name := range world {
		require.True(t, !own(name) || spoken[name], "the page does not have %s", name)
	}
}

// inComments wants the lists in the documentation of packages to say what is exposed.
func (r *metricsReference) inComments(t *testing.T) {
	world := r.world()
	documented := r.Sources.documented()
	require.GreaterOrEqual(t, len(documented), 15)
	for name, says := range documented {
		m := world[name]
		require.NotNil(t, m, name)
		var labels []string
		for _, label := range m.labels {
			if m.always(label) {
				labels = append(labels, label)
			}
		}
		require.Equal(t, m.Kind.String()+" with "+strings.Join(labels, ","), says, name)
	}
}

// words wants help texts to be sentences that begin with what is counted or measured, and
// not with that it is.
func (r *metricsReference) words(t *testing.T) {
	style := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	idle := regexp.MustCompile(`^(The |A |An |Total |Number |Count )`)
	for name, m := range r.world() {
		if r.More.metrics[name] == nil { // or else it is the runtime's
			require.Regexp(t, style, m.Help, name)
			require.NotRegexp(t, idle, m.Help, name)
		}
	}
}

// lint wants Lint to find nothing. What nobody could do anything about, it does not find.
func (r *metricsReference) lint(t *testing.T) { embertest.RequireClean(t, r.gathered()) }

// accepted lists what Lint does not find for a reason, as its sources say.
func (r *metricsReference) accepted() string {
	world := r.world()
	rules := make(map[string]string)
	r.Sources.within("embertest/rule.go", func(n ast.Node) {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			rules[v.Names[0].Name], _ = literal(v.Values[0])
		}
	})
	var b strings.Builder
	for _, e := range r.Sources.variable("embertest", "fixedNames") {
		fields := make(map[string]string)
		for _, e := range e.(*ast.CompositeLit).Elts {
			kv := e.(*ast.KeyValueExpr)
			text, ok := literal(kv.Value)
			if !ok {
				text = rules[kv.Value.(*ast.Ident).Name]
			}
			fields[kv.Key.(*ast.Ident).Name] = text
		}
		m := world[fields["Metric"]]
		require.NotNil(r.t, m, fields["Metric"])
		require.NotEmpty(r.t, fields["Rule"])
		require.NotEmpty(r.t, fields["Why"])
		of := quoted(m.Name)
		if label := fields["Label"]; label != "" {
			require.Contains(r.t, m.labels, label)
			of += ", label " + quoted(label)
		}
		b.WriteString(hanging("- " + of + ", rule " + quoted(fields["Rule"]) + ": " + fields["Why"] + "."))
	}
	return b.String()
}

// promtool wants Prometheus' own linter to object to nothing.
func (r *metricsReference) promtool(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, ember.WriteText(&text, r.gathered()))
	require.Empty(t, promtool(t, &text, "check", "metrics"))
}
