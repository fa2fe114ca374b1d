// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import "maps"

// object is one of Grafana's JSON.
type object map[string]any

// panel is one before it has its place.
type panel struct {
	object
	width, height int
}

// source is the data source that the variable has chosen.
var source = object{"type": "prometheus", "uid": "${datasource}"}

// section is a row of panels under a title.
type section struct {
	title  string
	panels []panel
}

func row(title string, panels ...panel) section { return section{title, panels} }

// board returns a dashboard, which Grafana 10 and newer can read: its schema is that of 10.0.
func board(sections ...section) object {
	all := make([]object, 0, 40)
	y := 0
	for _, s := range sections {
		all = append(all, object{
			"type": "row", "title": s.title, "collapsed": false, "panels": []object{},
			"id": len(all) + 1, "gridPos": object{"x": 0, "y": y, "w": 24, "h": 1},
		})
		y++
		x, height := 0, 0
		for _, p := range s.panels {
			if x+p.width > 24 {
				x, y, height = 0, y+height, 0
			}
			p.object["id"] = len(all) + 1
			p.object["gridPos"] = object{"x": x, "y": y, "w": p.width, "h": p.height}
			x, height = x+p.width, max(height, p.height)
			all = append(all, p.object)
		}
		y += height
	}
	return object{
		"title":         "Ember HTTP",
		"uid":           "ember-emberhttp",
		"description":   "What HTTP servers and clients do that are measured with package emberhttp of Ember.",
		"tags":          []string{"ember", "http"},
		"schemaVersion": 38,
		"editable":      true,
		"graphTooltip":  1, // one crosshair in all panels
		"refresh":       "1m",
		"time":          object{"from": "now-1h", "to": "now"},
		"annotations":   object{"list": []object{}},
		"panels":        all,
		"templating": object{"list": []object{
			{"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
			choice("job", "Job", `label_values({__name__=~"http_requests_in_flight|http_client_requests_in_flight"}, job)`),
			choice("instance", "Instance", `label_values({__name__=~"http_requests_in_flight|http_client_requests_in_flight", job=~"$job"}, instance)`),
			choice("path", "Route", `label_values(http_requests_total{job=~"$job", instance=~"$instance"}, path)`),
		}},
	}
}

// choice returns a variable of several values, or of all.
func choice(name, label, query string) object {
	return object{
		"type": "query", "name": name, "label": label, "datasource": source,
		"query": query, "definition": query, "refresh": 2, "sort": 1, // when the time changes; by name
		"multi": true, "includeAll": true, "allValue": ".+",
		"current": object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
	}
}

// query returns one over time.
func query(legend, expr string) object {
	return object{"datasource": source, "editorMode": "code", "expr": expr, "legendFormat": legend, "range": true}
}

// newPanel returns a panel of some type whose values have a unit.
func newPanel(kind string, width, height int, title, unit, description string, queries []object) panel {
	for i, q := range queries {
		q["refId"] = string(rune('A' + i))
	}
	defaults := object{"unit": unit}
	if unit == "percentunit" {
		defaults["min"] = 0
	}
	return panel{object{
		"type": kind, "title": title, "description": description,
		"datasource": source, "targets": queries,
		"pluginVersion": "10.0.0",
		"fieldConfig":   object{"defaults": defaults, "overrides": []object{}},
	}, width, height}
}

func (p panel) config() object   { return p.object["fieldConfig"].(object) }
func (p panel) defaults() object { return p.config()["defaults"].(object) }

// override sets properties of the fields of a name.
func (p panel) override(name string, properties ...object) {
	c := p.config()
	c["overrides"] = append(c["overrides"].([]object), object{
		"matcher":    object{"id": "byName", "options": name},
		"properties": properties,
	})
}

// graph returns a panel of lines.
func graph(width int, title, unit, description string, queries ...object) panel {
	p := newPanel("timeseries", width, 8, title, unit, description, queries)
	p.defaults()["custom"] = object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "axisSoftMin": 0}
	p.object["options"] = object{
		"legend":  object{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"mean", "max"}, "sortBy": "Mean", "sortDesc": true},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked puts the lines of a graph's queries on top of each other, in colours.
func (p panel) stacked(colors ...string) panel {
	for i, q := range p.object["targets"].([]object) {
		p.override(q["legendFormat"].(string), object{"id": "color", "value": object{"mode": "fixed", "fixedColor": colors[i]}})
	}
	custom := p.defaults()["custom"].(object)
	custom["stacking"] = object{"mode": "normal", "group": "A"}
	custom["fillOpacity"] = 40
	return p
}

// stat returns a panel of one number.
func stat(width int, title, unit, description string, queries ...object) panel {
	p := newPanel("stat", width, 4, title, unit, description, queries)
	p.defaults()["color"] = object{"mode": "thresholds"}
	p.defaults()["thresholds"] = steps()
	p.object["options"] = object{
		"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
		"textMode": "value", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	return p
}

// steps returns thresholds of values that want attention, and that want it now.
func steps(at ...float64) object {
	list := []object{{"color": "green", "value": nil}}
	for i, v := range at {
		list = append(list, object{"color": []string{"orange", "red"}[i], "value": v})
	}
	return object{"mode": "absolute", "steps": list}
}

// warn shows from which values on a panel wants attention.
func (p panel) warn(attention, now float64) panel {
	p.defaults()["thresholds"] = steps(attention, now)
	if custom, ok := p.defaults()["custom"].(object); ok {
		custom["thresholdsStyle"] = object{"mode": "dashed"}
	}
	return p
}

// column is one of a table: what a query returns by the label of the rows.
type column struct{ title, unit, expr string }

// table returns a panel with a row for each value of a label.
func table(width int, title, description, label, labelTitle string, columns ...column) panel {
	var queries []object
	names, order := object{label: labelTitle}, object{label: 0}
	for i, c := range columns {
		q := query("", c.expr)
		delete(q, "range")
		maps.Copy(q, object{"instant": true, "format": "table"})
		queries = append(queries, q)
		field := "Value #" + string(rune('A'+i))
		names[field], order[field] = c.title, i+1
	}
	p := newPanel("table", width, 9, title, "short", description, queries)
	for _, c := range columns {
		p.override(c.title, object{"id": "unit", "value": c.unit})
	}
	p.object["options"] = object{"showHeader": true, "frameIndex": 0, "cellHeight": "sm"}
	p.object["transformations"] = []object{
		{"id": "merge", "options": object{}},
		{"id": "organize", "options": object{"excludeByName": object{"Time": true}, "renameByName": names, "indexByName": order}},
	}
	return p
}

// sorted puts the largest values of a column first.
func (p panel) sorted(column string) panel {
	p.object["options"].(object)["sortBy"] = []object{{"displayName": column, "desc": true}}
	return p
}

// warnColumn is warn for a column.
func (p panel) warnColumn(column string, attention, now float64) panel {
	p.override(column,
		object{"id": "thresholds", "value": steps(attention, now)},
		object{"id": "custom.cellOptions", "value": object{"type": "color-text"}})
	return p
}
