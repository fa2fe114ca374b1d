// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package e2e

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/stretchr/testify/require"
)

//lint:ignore SA1019 what is preferred to it, Grafana 10 and 11 cannot read
type boardModel = dashboard.Dashboard

// board is what the tests want to know of a dashboard.
type board struct {
	model     boardModel
	queries   []boardQuery
	variables []boardVariable
}

// boardQuery is one of a panel.
type boardQuery struct{ panel, expr, legend string }

// boardVariable is one whose values are those of a label.
type boardVariable struct{ name, selector, label string }

// readDashboard reads a dashboard.
func readDashboard(t *testing.T, text string) *board {
	t.Helper()
	plugins.RegisterDefaultPlugins()
	require.Empty(t, flaws(text))
	var b board
	require.NoError(t, json.Unmarshal([]byte(text), &b.model))
	for _, p := range b.model.Panels {
		if p.Panel == nil {
			continue
		}
		for _, target := range p.Panel.Targets {
			q, ok := target.(*prometheus.Dataquery)
			require.True(t, ok, "%s: %T", *p.Panel.Title, target)
			require.Equal(t, "${datasource}", *q.Datasource.Uid)
			b.queries = append(b.queries, boardQuery{*p.Panel.Title, q.Expr, *q.LegendFormat})
		}
	}
	for _, v := range b.model.Templating.List {
		if v.Type != dashboard.VariableTypeQuery {
			continue
		}
		m := labelValues.FindStringSubmatch(*v.Query.String)
		require.NotNil(t, m, *v.Query.String)
		b.variables = append(b.variables, boardVariable{v.Name, m[1], m[2]})
	}
	return &b
}

// flaws returns what is wrong with a dashboard by Grafana's own model: fields that it does
// not know or that are missing, and values that a field cannot have.
func flaws(text string) []string {
	var model boardModel
	var parts struct {
		Panels []struct{ FieldConfig json.RawMessage }
	}
	errs := []error{model.UnmarshalJSONStrict([]byte(text)), json.Unmarshal([]byte(text), &parts)}
	for _, p := range parts.Panels { // which the model does not look at so closely
		errs = append(errs, new(dashboard.FieldConfigSource).UnmarshalJSONStrict(p.FieldConfig))
	}
	if json.Unmarshal([]byte(text), &model) == nil {
		errs = append(errs, model.Validate())
	}
	var all []string
	for _, err := range errs {
		if err != nil && err.Error() != "" { // an empty list of errors is one too
			all = append(all, err.Error())
		}
	}
	return all
}

// substitute puts values in the place of variables, as Grafana does.
func substitute(expr, job, path string) string {
	return strings.NewReplacer("$__rate_interval", "30s", "$job", job, "$instance", ".+", "$path", path).Replace(expr)
}

// The dashboard is one by Grafana's own model, and its panels are where there is room.
func TestDashboardModel(t *testing.T) {
	text := readText(t, "monitoring", "emberhttp.dashboard.json")
	b := readDashboard(t, text)
	require.EqualValues(t, 38, b.model.SchemaVersion) // of Grafana 10.0; newer ones bring it up to date
	var names []string
	for _, v := range b.model.Templating.List {
		names = append(names, v.Name)
	}
	require.Equal(t, []string{"datasource", "job", "instance", "path"}, names)
	require.Equal(t, dashboard.VariableTypeDatasource, b.model.Templating.List[0].Type)

	ids := make(map[uint32]bool)
	taken := make(map[[2]uint32]string)
	for _, p := range b.model.Panels {
		var id uint32
		var at dashboard.GridPos
		var title string
		if p.RowPanel != nil {
			require.Empty(t, p.RowPanel.Panels)
			id, at, title = p.RowPanel.Id, *p.RowPanel.GridPos, *p.RowPanel.Title
		} else {
			id, at, title = *p.Panel.Id, *p.Panel.GridPos, *p.Panel.Title
			require.NotEmpty(t, p.Panel.Targets, title)
			require.NotEmpty(t, *p.Panel.Description, title)
			require.Equal(t, "${datasource}", *p.Panel.Datasource.Uid, title)
		}
		require.False(t, ids[id], title)
		ids[id] = true
		require.LessOrEqual(t, at.X+at.W, uint32(24), title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				require.Empty(t, taken[[2]uint32{x, y}], title)
				taken[[2]uint32{x, y}] = title
			}
		}
	}
	require.Greater(t, len(ids), 25)

	for _, change := range [][2]string{
		{`"schemaVersion": 38`, `"schemaVersion": "38"`},
		{`"schemaVersion":`, `"schema":`},
		{`"legendFormat":`, `"legend":`},
		{`"showLegend":`, `"show":`},
		{`"unit":`, `"units":`},
		{`"lineWidth":`, `"width":`},
		{`"includeAll":`, `"all":`},
		{`"renameByName":`, `"renameByName" `},
		{`"matcher":`, `"matches":`},
	} {
		require.NotEmpty(t, flaws(strings.ReplaceAll(text, change[0], change[1])), "%s", change[1])
	}
}

var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

// testDashboard wants an answer to each query of the dashboard, of services with classic
// and with native histograms.
func testDashboard(t *testing.T, s *server) {
	b := readDashboard(t, readText(t, "monitoring", "emberhttp.dashboard.json"))
	for _, q := range b.queries {
		for _, job := range []string{"classic", "native"} {
			expr := substitute(q.expr, job, ".+")
			samples := s.untilQuery(t, expr, finite)
			for _, m := range legendLabel.FindAllStringSubmatch(q.legend, -1) {
				require.True(t, slices.ContainsFunc(samples, func(of sample) bool { return of.labels[m[1]] != "" }), "%s: %v", q.panel, samples)
			}
		}
	}
	for _, v := range b.variables {
		var values []string
		s.get(t, "label/"+v.label+"/values", url.Values{"match[]": {substitute(v.selector, ".+", ".+")}}, &values)
		require.NotEmpty(t, values, v.name)
		if v.name == "job" {
			require.Equal(t, []string{"classic", "native"}, values)
		}
	}
	// Two routes are chosen, written as Grafana does it.
	chosen := 0
	for _, q := range b.queries {
		if q.legend == "{{path}}" {
			var routes []string
			for _, of := range s.query(t, substitute(q.expr, "classic", `(/users/\\{id\\}|/fail)`)) {
				routes = append(routes, of.labels["path"])
			}
			require.ElementsMatch(t, []string{"/users/{id}", "/fail"}, routes, q.panel)
			chosen++
		}
	}
	require.Equal(t, 7, chosen)
}
