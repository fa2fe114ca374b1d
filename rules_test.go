// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// newRules returns rules that must be right.
func newRules(t testing.TB, rules ...ember.Rule) *ember.Rules {
	t.Helper()
	r, err := ember.NewRules(rules...)
	require.NoError(t, err)
	return r
}

// ruled returns a registry that heeds these rules.
func ruled(t testing.TB, rules ...ember.Rule) *ember.Registry {
	t.Helper()
	return ember.NewRegistry(ember.WithRules(newRules(t, rules...)))
}

func TestNewRules(t *testing.T) {
	type (
		names   = map[string]string
		budgets = map[string]int
		known   = map[string][]string
	)
	for name, tc := range map[string]struct {
		rules []ember.Rule
		want  string // empty: valid
	}{
		"none":                         {nil, ``},
		"drop":                         {[]ember.Rule{{Metric: "x", Drop: true}}, ``},
		"drop the same":                {[]ember.Rule{{Metric: "x*", Drop: true}, {Metric: "*x", Drop: true}}, ``},
		"drop twice":                   {[]ember.Rule{{Metric: "x", DropLabels: []string{"a", "a"}}, {Metric: "x", DropLabels: []string{"a", "b"}}}, ``},
		"swap":                         {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "b", "b": "a"}}}, ``},
		"the name of a dropped":        {[]ember.Rule{{Metric: "x", DropLabels: []string{"b"}, RenameLabels: names{"a": "b"}}}, ``},
		"buckets":                      {[]ember.Rule{{Metric: "x", Buckets: []float64{-1, 1, math.Inf(1)}}}, ``},
		"no limit":                     {[]ember.Rule{{Metric: "x", MaxSeries: -1}}, ``},
		"budget and known":             {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 2}, KnownValues: known{"a": {"1", "2"}}}}, ``},
		"renamed and limited":          {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 2}, RenameLabels: names{"a": "b"}}}, ``},
		"several for one name":         {[]ember.Rule{{Metric: "x", MaxSeries: 1}, {Metric: "x", Buckets: []float64{1}}}, ``},
		"no metric":                    {[]ember.Rule{{Drop: true}}, `ember: rule 1 (""): it names no metric`},
		"a name that is not UTF-8":     {[]ember.Rule{{Metric: "x"}, {Metric: "a\xff", Drop: true}}[1:], `ember: rule 1 ("a\xff"): the metric's name is not valid UTF-8`},
		"a name with a line feed":      {[]ember.Rule{{Metric: "a\n", Drop: true}}, `ember: rule 1 ("a\n"): the metric's name has a NUL, CR or LF, which no metric has`},
		"nothing":                      {[]ember.Rule{{Metric: "x"}}, `ember: rule 1 ("x"): it changes nothing`},
		"empty changes":                {[]ember.Rule{{Metric: "x", DropLabels: []string{}, RenameLabels: names{}, Buckets: []float64{}, LabelBudgets: budgets{}, KnownValues: known{}}}, `ember: rule 1 ("x"): it changes nothing`},
		"drop and more":                {[]ember.Rule{{Metric: "x", Drop: true, MaxSeries: 1}}, `ember: rule 1 ("x"): it drops the metric, so there is nothing else to change`},
		"drop and more, in another":    {[]ember.Rule{{Metric: "x", MaxSeries: 1}, {Metric: "x", Drop: true}}, `ember: rules 1 ("x") and 2 ("x"): the one drops the metric, so there is nothing for the other to change`},
		"an empty label":               {[]ember.Rule{{Metric: "x", DropLabels: []string{""}}}, `ember: rule 1 ("x"): an empty label name`},
		"a label that is not UTF-8":    {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"\xff": 1}}}, `ember: rule 1 ("x"): the label name "\xff" is not valid UTF-8`},
		"dropped and renamed":          {[]ember.Rule{{Metric: "x", DropLabels: []string{"a"}, RenameLabels: names{"a": "b"}}}, `ember: rule 1 ("x"): the label "a" is both dropped and renamed`},
		"dropped, renamed in another":  {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "b"}}, {Metric: "y", Drop: true}, {Metric: "x", DropLabels: []string{"a"}}}, `ember: rules 1 ("x") and 3 ("x"): the label "a" is both dropped and renamed`},
		"dropped and limited":          {[]ember.Rule{{Metric: "x", DropLabels: []string{"a"}, LabelBudgets: budgets{"a": 1}}}, `ember: rule 1 ("x"): the label "a" is both dropped and given a budget`},
		"dropped and known":            {[]ember.Rule{{Metric: "x", DropLabels: []string{"a"}, KnownValues: known{"a": {"1"}}}}, `ember: rule 1 ("x"): label "a" has known values, but no budget`},
		"two to one":                   {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "c", "b": "c"}}}, `ember: rule 1 ("x"): the labels "a" and "b" would both be "c"`},
		"two to one, in another":       {[]ember.Rule{{Metric: "x", RenameLabels: names{"b": "c"}}, {Metric: "x", RenameLabels: names{"a": "c"}}}, `ember: rules 1 ("x") and 2 ("x"): the labels "a" and "b" would both be "c"`},
		"to itself":                    {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "a"}}}, `ember: rule 1 ("x"): it renames the label "a" to itself`},
		"to nothing":                   {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": ""}}}, `ember: rule 1 ("x"): it renames the label "a": an empty label name`},
		"to le":                        {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "le"}}}, `ember: rule 1 ("x"): it renames the label "a": the label name "le" is reserved in a histogram`},
		"to quantile":                  {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "quantile"}}}, `ember: rule 1 ("x"): it renames the label "a": the label name "quantile" is reserved in a summary`},
		"to __name__":                  {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "__name__"}}}, `ember: rule 1 ("x"): it renames the label "a": the label name "__name__" starts with "__", which is reserved`},
		"to what is written __name__":  {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "é_name__"}}}, `ember: rule 1 ("x"): it renames the label "a": the label name "é_name__" is written "__name__", which is the metric's name`},
		"to what is not UTF-8":         {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "\xff"}}}, `ember: rule 1 ("x"): it renames the label "a": the label name "\xff" is not valid UTF-8`},
		"buckets that fall":            {[]ember.Rule{{Metric: "x", Buckets: []float64{1, 1}}}, `ember: rule 1 ("x"): bucket 1 (1) must be above bucket 0 (1)`},
		"a bucket that is no number":   {[]ember.Rule{{Metric: "x", Buckets: []float64{math.NaN()}}}, `ember: rule 1 ("x"): bucket 0 (NaN) must be a number`},
		"no bucket":                    {[]ember.Rule{{Metric: "x", Buckets: []float64{math.Inf(1)}}}, `ember: rule 1 ("x"): the only bucket is the one for +Inf, which every histogram has`},
		"a budget of nothing":          {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 0}}}, `ember: rule 1 ("x"): the budget of label "a" (0) must be positive`},
		"known without a budget":       {[]ember.Rule{{Metric: "x", MaxSeries: 1, KnownValues: known{"a": nil}}}, `ember: rule 1 ("x"): label "a" has known values, but no budget`},
		"known more than the budget":   {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 1}, KnownValues: known{"a": {"1", "2"}}}}, `ember: rule 1 ("x"): label "a" has 2 known values, but a budget of 1`},
		"known that is not UTF-8":      {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 1}, KnownValues: known{"a": {"\xff"}}}}, `ember: rule 1 ("x"): the known value "\xff" of label "a" is not valid UTF-8`},
		"known twice":                  {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 2}, KnownValues: known{"a": {"1", "1"}}}}, `ember: rule 1 ("x"): the known value "1" of label "a" stands twice`},
		"drop set twice":               {[]ember.Rule{{Metric: "x", Drop: true}, {Metric: "x", Drop: true}}, `ember: rules 1 ("x") and 2 ("x"): both set drop`},
		"buckets set twice":            {[]ember.Rule{{Metric: "x*", Buckets: []float64{1}}, {Metric: "x*", Buckets: []float64{1}}}, `ember: rules 1 ("x*") and 2 ("x*"): both set buckets`},
		"max_series set twice":         {[]ember.Rule{{Metric: "x", MaxSeries: 1}, {Metric: "x", MaxSeries: 2}}, `ember: rules 1 ("x") and 2 ("x"): both set max_series`},
		"a name set twice":             {[]ember.Rule{{Metric: "x", RenameLabels: names{"a": "b"}}, {Metric: "x", RenameLabels: names{"a": "c"}}}, `ember: rules 1 ("x") and 2 ("x"): both set a name for the label "a"`},
		"a budget set twice":           {[]ember.Rule{{Metric: "x", LabelBudgets: budgets{"a": 1}}, {Metric: "x", LabelBudgets: budgets{"a": 2}}}, `ember: rules 1 ("x") and 2 ("x"): both set a budget for the label "a"`},
		"all that is wrong, in a line": {[]ember.Rule{{Metric: "x"}, {Metric: "y", Buckets: []float64{2, 1}, RenameLabels: names{"a": "a"}}}, "ember: rule 1 (\"x\"): it changes nothing\nember: rule 2 (\"y\"): it renames the label \"a\" to itself\nember: rule 2 (\"y\"): bucket 1 (1) must be above bucket 0 (2)"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := ember.NewRules(tc.rules...)
			if tc.want == "" {
				require.NoError(t, err)
				require.NotNil(t, rules)
				return
			}
			require.EqualError(t, err, tc.want)
			require.Nil(t, rules)
		})
	}
}

// Rules keep nothing of what they are given.
func TestNewRulesCopies(t *testing.T) {
	rule := ember.Rule{
		Metric: "x", DropLabels: []string{"a"}, RenameLabels: map[string]string{"b": "c"}, Buckets: []float64{1},
		LabelBudgets: map[string]int{"d": 1}, KnownValues: map[string][]string{"d": {"1"}},
	}
	r := newRules(t, rule)
	before, err := json.Marshal(r)
	require.NoError(t, err)
	rule.DropLabels[0], rule.RenameLabels["b"], rule.Buckets[0], rule.LabelBudgets["d"], rule.KnownValues["d"][0] = "y", "y", 9, 9, "y"
	after, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

const everyField = `[
  {"metric": "go_*", "drop": true},
  {"metric": "x_total", "drop_labels": ["path"], "rename_labels": {"status": "code"}},
  {"metric": "*_seconds", "buckets": [0.1, 5e-1, 1, 5], "max_series": 1000},
  {"metric": "logins_total", "max_series": -1, "label_budgets": {"user": 100}, "known_values": {"user": ["root", "\u00e9\ud83d\ude00\n"]}}
]
`

func TestParseRules(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"every field":             {everyField, ``},
		"none":                    {" [ ] ", ``},
		"nothing":                 {"", `ember: line 1: there must be an array of rules, not the end`},
		"null":                    {"null", `ember: line 1: there must be an array of rules, not "null"`},
		"an object":               {"\n{}", `ember: line 2: there must be an array of rules, not "{}"`},
		"more":                    {"[]\n\n[]", `ember: line 3: there is something after the rules: "[]"`},
		"cut off":                 {`[`, `ember: rule 1, line 1: there must be a rule, not the end`},
		"cut off in a rule":       {"[\n{\"metric\"", `ember: rule 1, line 2: there must be a colon, not the end`},
		"cut off in a string":     {"[\n{\"metric", `ember: rule 1, line 2: a string does not end in its line`},
		"no rule":                 {"[1]", `ember: rule 1, line 1: there must be a rule, not "1]"`},
		"a comma too many":        {`[{"metric":"x","drop":true},]`, `ember: rule 2, line 1: there must be a rule, not "]"`},
		"a comma too few":         {"[{\"metric\":\"x\"\n\"drop\":true}]", `ember: rule 1, line 2: there must be a comma or the end of a rule, not "\"drop\":tru"`},
		"an unknown field":        {"[\n{\"metric\":\"x\",\"drop\":true},\n{\"metric\":\"x\",\n\"buckts\":[1]}\n]", `ember: rule 2, line 4: a rule has no field "buckts"`},
		"a field in capitals":     {`[{"Metric":"x"}]`, `ember: rule 1, line 1: a rule has no field "Metric"`},
		"a field twice":           {`[{"metric":"x","metric":"y"}]`, `ember: rule 1, line 1: "metric" stands twice`},
		"a label twice":           {`[{"metric":"x","rename_labels":{"a":"b","a":"c"}}]`, `ember: rule 1, line 1: "a" stands twice`},
		"a number for a name":     {`[{"metric":1}]`, `ember: rule 1, line 1: there must be a name, not "1}]"`},
		"a word for a flag":       {`[{"drop":"yes"}]`, `ember: rule 1, line 1: there must be true or false, not "\"yes\"}]"`},
		"a word for labels":       {`[{"drop_labels":"a"}]`, `ember: rule 1, line 1: there must be an array of label names, not "\"a\"}]"`},
		"a number for a label":    {`[{"drop_labels":[1]}]`, `ember: rule 1, line 1: there must be a label's name, not "1]}]"`},
		"a list for an object":    {`[{"rename_labels":[]}]`, `ember: rule 1, line 1: there must be an object of label names, not "[]}]"`},
		"a word for a bucket":     {`[{"buckets":[+Inf]}]`, `ember: rule 1, line 1: there must be a number, not "+Inf]}]"`},
		"half a number":           {`[{"buckets":[1.]}]`, `ember: rule 1, line 1: there must be a number, not "1.]}]"`},
		"too large a number":      {`[{"buckets":[1e999]}]`, `ember: rule 1, line 1: the number 1e999 is too large`},
		"a fraction of series":    {`[{"max_series":1.5}]`, `ember: rule 1, line 1: there must be a whole number, not 1.5`},
		"a word for a budget":     {`[{"label_budgets":{"a":"b"}}]`, `ember: rule 1, line 1: there must be a whole number, not "\"b\"}}]"`},
		"a word for known values": {`[{"known_values":{"a":"b"}}]`, `ember: rule 1, line 1: there must be an array of values, not "\"b\"}}]"`},
		"an unknown escape":       {`[{"metric":"\x"}]`, `ember: rule 1, line 1: there is no escape \x`},
		"half an escape":          {`[{"metric":"\u12"}]`, `ember: rule 1, line 1: \u must come before four hexadecimal digits`},
		"not UTF-8":               {"[\n\"\xff\"]", `ember: line 2: this is not valid UTF-8: "\xff\"]"`},
		"what NewRules refuses":   {`[{"metric":"x"}]`, `ember: rule 1 ("x"): it changes nothing`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ember.ParseRules([]byte(tc.text))
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.want)
			}
		})
	}
}

// What a reader of JSON that was not written here makes of the same text.
func TestParseRulesReadsWhatJSONSays(t *testing.T) {
	var list []ember.Rule
	require.NoError(t, json.Unmarshal([]byte(everyField), &list))
	got, err := ember.ParseRules([]byte(everyField))
	require.NoError(t, err)
	requireSameRules(t, newRules(t, list...), got)
}

func requireSameRules(t testing.TB, want, got *ember.Rules) {
	t.Helper()
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
}

func FuzzParseRules(f *testing.F) {
	for _, text := range []string{everyField, "[]", "", "[{\"metric\":\"x\",\"drop\":true}]", `[{"metric":"\ud800\u0041","drop_labels":["\\\/\b"]}]`, `[{"metric":"*","buckets":[-0,0e-5]}]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ember.ParseRules([]byte(text))
		if err != nil {
			require.Regexp(t, "^ember: ", err.Error())
			return
		}
		written, err := json.Marshal(rules)
		require.NoError(t, err)
		again, err := ember.ParseRules(written)
		require.NoError(t, err, "%s", written)
		requireSameRules(t, rules, again)

		var list []ember.Rule // by a reader that was not written here
		require.NoError(t, json.Unmarshal([]byte(text), &list))
		requireSameRules(t, newRules(t, list...), again)
	})
}

func TestReadRules(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good, bad, empty := file("good", everyField), file("bad", "[\n{\"metric\":\"x\"}, {\"metric\":\"y\"}]"), file("empty", "")
	rules, err := ember.ReadRules(good)
	require.NoError(t, err)
	want, err := ember.ParseRules([]byte(everyField))
	require.NoError(t, err)
	requireSameRules(t, want, rules)

	_, err = ember.ReadRules(bad)
	require.EqualError(t, err, `ember: rules in "`+bad+`": rule 1 ("x"): it changes nothing`+"\n"+`ember: rules in "`+bad+`": rule 2 ("y"): it changes nothing`)
	_, err = ember.ReadRules(empty)
	require.EqualError(t, err, `ember: rules in "`+empty+`": line 1: there must be an array of rules, not the end`)
	none := filepath.Join(dir, "none")
	_, err = ember.ReadRules(none)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.EqualError(t, err, `ember: rules in "`+none+`": open `+none+`: no such file or directory`)

	for name, tc := range map[string]struct{ text, file, want string }{
		"neither":    {"", "", ""},
		"text":       {everyField, "", ""},
		"a file":     {"", good, ""},
		"both":       {everyField, good, `ember: both EMBER_RULES and EMBER_RULES_FILE are set; only one can say what the rules are`},
		"bad text":   {"[{}]", "", `ember: EMBER_RULES: rule 1 (""): it names no metric` + "\n" + `ember: EMBER_RULES: rule 1 (""): it changes nothing`},
		"a bad file": {"", empty, `ember: rules in "` + empty + `", by EMBER_RULES_FILE: line 1: there must be an array of rules, not the end`},
		"no file":    {"", none, `ember: rules in "` + none + `", by EMBER_RULES_FILE: open ` + none + `: no such file or directory`},
	} {
		t.Run("environment, "+name, func(t *testing.T) {
			t.Setenv("EMBER_RULES", tc.text)
			t.Setenv("EMBER_RULES_FILE", tc.file)
			rules, err := ember.RulesFromEnv()
			switch {
			case tc.want != "":
				require.EqualError(t, err, tc.want)
				require.Nil(t, rules)
			case tc.text+tc.file == "":
				require.NoError(t, err)
				require.Nil(t, rules)
			default:
				require.NoError(t, err)
				requireSameRules(t, want, rules)
			}
		})
	}
}
