// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// corpusCase is an exposition of the OpenMetrics project's own parser tests.
type corpusCase struct {
	Name, Text string
	Parses     bool // a conforming parser accepts it
}

func corpus(t testing.TB) []corpusCase {
	t.Helper()
	data, err := os.ReadFile("testdata/openmetrics.json")
	require.NoError(t, err)
	var all []corpusCase
	require.NoError(t, json.Unmarshal(data, &all))
	require.Len(t, all, 141)
	return all
}

// fate is why Ember does not write a bad exposition of the corpus.
type fate struct {
	// try registers or collects what would have to be written so. What becomes of it
	// is in refused or, if that is empty, in writes.
	try     func(reg *ember.Registry) error
	refused string // the error, of try or of the scrape
	writes  string // what OpenMetrics 1 has instead

	// never says why nothing could be written so.
	never string

	// exempt says why Ember does write so.
	exempt string
}

// Why there is nothing to try.
const (
	counts    = "counts are unsigned whole numbers"
	syntax    = "the encoder writes the tokens between a program's texts, and every text is escaped or checked; client_python has read the output for hundreds of random registries"
	metadata  = "each of the lines about a family is written once, before its samples, with a type that exists"
	numbers   = "numbers are written in decimal, from float64 and uint64"
	moments   = "times are whole numbers of milliseconds, and written in decimal"
	observed  = "sums and quantiles are written as they were observed; the table of differences says why"
	complete  = "every bucket, the sum and the count of a series are written together, the last bucket from the count"
	noSecond  = "a series has one value in a scrape"
	exemplars = "only counters and buckets have exemplars"
)

// byCollector is what a scrape says before the error of a collector.
const byCollector = "ember: collector conformance_test.outsider: "

// point collects one point.
func point(d metric.Desc, p metric.Point) func(reg *ember.Registry) error {
	return func(reg *ember.Registry) error { return collected(reg, &d, p) }
}

// collected registers a collector of these points, and returns the error of the
// first scrape.
func collected(reg *ember.Registry, d *metric.Desc, points ...metric.Point) error {
	f := &metric.Family{Name: d.Name, Help: d.Help, Unit: d.Unit, Kind: d.Kind, Points: points}
	if err := reg.Register(&outsider{[]*metric.Family{f}}); err != nil {
		return err
	}
	_, err := reg.Gather()
	return err
}

func label(name, value string) []metric.Label { return []metric.Label{{Name: name, Value: value}} }

// fates has every bad case of the corpus.
var fates = map[string]fate{
	"bad_blank_line": {never: syntax},

	"bad_clashing_names_1": {
		try: func(reg *ember.Registry) error {
			reg.NewCounter(ember.CounterOpts{Name: "a_total"})
			return collected(reg, &metric.Desc{Name: "a_info", Kind: metric.Info}, metric.Point{Value: 1})
		},
		refused: byCollector + `ember: info "a_info" collides with counter "a_total": both write "a"`,
	},
	"bad_clashing_names_2": {
		try: func(reg *ember.Registry) error {
			reg.NewGauge(ember.GaugeOpts{Name: "a_created"})
			return reg.Register(ember.NewCounter(ember.CounterOpts{Name: "a_total"}))
		},
		refused: `ember: counter "a_total" collides with gauge "a_created": both write "a_created"`,
	},

	"bad_counter_values_1":  {try: point(metric.Desc{Name: "a_total", Kind: metric.Counter}, metric.Point{Value: -1}), refused: byCollector + `ember: a_total is -1, which no counter can be`},
	"bad_counter_values_10": {never: counts},
	"bad_counter_values_12": {never: counts},
	"bad_counter_values_13": {exempt: observed},
	"bad_counter_values_15": {exempt: observed},
	"bad_counter_values_16": {never: counts},
	"bad_counter_values_18": {never: counts},
	"bad_counter_values_19": {exempt: observed},
	"bad_counter_values_3":  {never: counts},
	"bad_counter_values_4":  {never: counts},
	"bad_counter_values_6":  {never: counts},
	"bad_counter_values_7":  {never: counts},
	"bad_counter_values_9":  {exempt: observed},

	"bad_exemplar_complex_chars": {
		try: func(reg *ember.Registry) error {
			reg.NewHistogram(ember.HistogramOpts{Name: "a", Buckets: []float64{1}}).
				ObserveWithExemplar(2, ember.Labels{"a": strings.Repeat("O\u0338", 64)})
			return nil
		},
		writes: "# TYPE a histogram\na_bucket{le=\"1.0\"} 0\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 2.0\n" +
			"# TYPE ember_invalid_exemplars counter\n# HELP ember_invalid_exemplars Exemplars that were dropped because no format can have them.\nember_invalid_exemplars_total{reason=\"too_long\"} 1.0\n# EOF\n",
	},
	"bad_exemplar_timestamp_1": {never: moments},
	"bad_exemplar_timestamp_2": {never: moments},
	"bad_exemplars_1":          {never: syntax},
	"bad_exemplars_10":         {never: syntax},
	"bad_exemplars_12":         {never: syntax},
	"bad_exemplars_2":          {never: syntax},
	"bad_exemplars_4":          {never: syntax},
	"bad_exemplars_5":          {never: syntax},
	"bad_exemplars_7":          {never: numbers},
	"bad_exemplars_8":          {never: moments},
	"bad_exemplars_on_unallowed_metric_types_0": {
		try:    point(metric.Desc{Name: "a", Kind: metric.Gauge}, metric.Point{Value: 1, Exemplar: &metric.Exemplar{Labels: label("a", "b"), Value: 1}}),
		writes: "# TYPE a gauge\na 1.0\n# EOF\n",
	},
	"bad_exemplars_on_unallowed_metric_types_1": {
		try:    point(metric.Desc{Name: "a_info", Kind: metric.Info}, metric.Point{Value: 1, Exemplar: &metric.Exemplar{Labels: label("a", "b"), Value: 1}}),
		writes: "# TYPE a info\na_info 1.0\n# EOF\n",
	},
	"bad_exemplars_on_unallowed_samples_0": {never: exemplars},
	"bad_exemplars_on_unallowed_samples_1": {never: exemplars},
	"bad_exemplars_on_unallowed_samples_3": {never: exemplars},

	"bad_grouping_or_ordering_0": {never: complete},
	"bad_grouping_or_ordering_10": {
		try: func(reg *ember.Registry) error {
			return collected(reg, &metric.Desc{Name: "a", Kind: metric.Gauge}, metric.Point{Time: epoch}, metric.Point{})
		},
		refused: byCollector + `ember: a was written twice`,
	},
	"bad_grouping_or_ordering_2": {never: complete},
	"bad_grouping_or_ordering_4": {never: noSecond},
	"bad_grouping_or_ordering_5": {never: noSecond},
	"bad_grouping_or_ordering_7": {never: noSecond},
	"bad_grouping_or_ordering_8": {never: noSecond},

	"bad_help_0": {never: metadata},
	"bad_help_1": {
		try:     func(reg *ember.Registry) error { return reg.Register(ember.NewGauge(ember.GaugeOpts{Help: "meh"})) },
		refused: "ember: a gauge without a name",
	},
	"bad_help_3": {never: metadata},
	"bad_help_4": {never: syntax},

	"bad_histograms_1": {never: complete},
	"bad_histograms_10": {
		try: point(metric.Desc{Name: "a", Kind: metric.Histogram}, metric.Point{
			Buckets: []metric.Bucket{{UpperBound: 1, Count: 1}, {UpperBound: 2, Count: 1}, {UpperBound: inf, Count: 0}},
		}),
		refused: byCollector + `ember: histogram "a": bucket 0 (1) counts 1 of 0 observations`,
	},
	"bad_histograms_12": {never: numbers},
	"bad_histograms_13": {
		try:     point(metric.Desc{Name: "a", Kind: metric.Histogram}, metric.Point{Count: 1, Buckets: []metric.Bucket{{UpperBound: inf}}}),
		refused: byCollector + `ember: histogram "a": bucket 0 (+Inf) counts 0 of 1 observations`,
	},
	"bad_histograms_2": {never: complete},
	"bad_histograms_3": {exempt: observed},
	"bad_histograms_5": {never: syntax},
	"bad_histograms_6": {never: complete},
	"bad_histograms_8": {never: complete},
	"bad_histograms_9": {
		try: func(reg *ember.Registry) error {
			return reg.Register(ember.NewHistogram(ember.HistogramOpts{Name: "a", Buckets: []float64{2, 1}}))
		},
		refused: `ember: histogram "a": bucket 1 (1) must be above bucket 0 (2)`,
	},

	"bad_info_and_stateset_values_1": {try: point(metric.Desc{Name: "a", Kind: metric.StateSet}, metric.Point{Labels: label("a", "bar"), Value: 2}), refused: byCollector + `ember: a{a="bar"} is 2, but a state is 1 or 0`},

	"bad_invalid_labels_0": {
		try:    point(metric.Desc{Name: "a"}, metric.Point{Labels: label("1", "1"), Value: 1}),
		writes: "# TYPE a unknown\na{_=\"1\"} 1.0\n# EOF\n",
	},
	"bad_invalid_labels_2": {
		try:     point(metric.Desc{Name: "a"}, metric.Point{Labels: append(label("a", "1"), label("a", "1")...)}),
		refused: byCollector + `ember: unknown "a": the label name "a" stands twice`,
	},
	"bad_invalid_labels_3": {never: syntax},
	"bad_invalid_labels_5": {
		try: func(reg *ember.Registry) error {
			return reg.Register(ember.NewGaugeVec(ember.GaugeOpts{Name: "a"}, "a", "a"))
		},
		refused: `ember: gauge "a": the label name "a" stands twice`,
	},
	"bad_invalid_labels_6": {never: syntax},
	"bad_invalid_labels_8": {never: syntax},

	"bad_metadata":                  {never: metadata},
	"bad_metadata_in_wrong_place_1": {never: metadata},
	"bad_metadata_in_wrong_place_2": {never: metadata},
	"bad_metric_names_1": {
		try:    point(metric.Desc{Name: "a.b"}, metric.Point{Value: 1}),
		writes: "# TYPE a_b unknown\na_b 1.0\n# EOF\n",
	},
	"bad_metric_names_2": {
		try:    point(metric.Desc{Name: "a-b"}, metric.Point{Value: 1}),
		writes: "# TYPE a_b unknown\na_b 1.0\n# EOF\n",
	},

	"bad_missing_equal_or_label_value_1": {never: syntax},
	"bad_missing_equal_or_label_value_2": {never: syntax},
	"bad_missing_equal_or_label_value_4": {never: syntax},
	"bad_missing_or_extra_commas_0":      {never: syntax},
	"bad_missing_or_extra_commas_2":      {never: syntax},

	"bad_missing_or_invalid_labels_for_a_type_0": {never: complete},
	"bad_missing_or_invalid_labels_for_a_type_2": {
		try:     point(metric.Desc{Name: "a", Kind: metric.Summary}, metric.Point{Labels: label("quantile", "foo")}),
		refused: byCollector + `ember: summary "a": the label name "quantile" is reserved in a summary`,
	},
	"bad_missing_or_invalid_labels_for_a_type_3": {
		try: func(reg *ember.Registry) error {
			return reg.Register(ember.NewSummary(ember.SummaryOpts{Name: "a", Quantiles: []float64{1.01}}))
		},
		refused: `ember: summary "a": the quantile 1.01 must be between 0 and 1`,
	},
	"bad_missing_or_invalid_labels_for_a_type_5": {never: complete},
	"bad_missing_or_invalid_labels_for_a_type_6": {never: complete},

	"bad_missing_or_wrong_quotes_on_label_value_0": {never: syntax},
	"bad_missing_or_wrong_quotes_on_label_value_1": {never: syntax},
	"bad_missing_value_0":                          {never: syntax},
	"bad_missing_value_1":                          {never: syntax},
	"bad_repeated_metadata_0": {
		try: func(reg *ember.Registry) error {
			reg.NewGauge(ember.GaugeOpts{Name: "a.b", Help: "x"})
			return reg.Register(ember.NewGauge(ember.GaugeOpts{Name: "a_b", Help: "x"}))
		},
		refused: `ember: gauge "a_b" collides with gauge "a.b": both write "a_b"`,
	},
	"bad_repeated_metadata_1":    {never: metadata},
	"bad_repeated_metadata_3":    {never: metadata},
	"bad_stateset_info_values_0": {try: point(metric.Desc{Name: "a", Kind: metric.StateSet}, metric.Point{Value: 2}), refused: byCollector + `ember: a is 2, but a state is 1 or 0`},
	"bad_stateset_info_values_2": {try: point(metric.Desc{Name: "a", Kind: metric.StateSet}, metric.Point{Value: 1}), refused: byCollector + `ember: a has no label "a", which must name the state`},
	"bad_stateset_info_values_3": {try: point(metric.Desc{Name: "a_info", Kind: metric.Info}, metric.Point{Value: 2}), refused: byCollector + `ember: a_info is 2, but an info is always 1`},
	"bad_text_after_eof_1":       {never: "the end is written once, last, with a line feed"},

	"bad_timestamp_0": {never: moments},
	"bad_timestamp_2": {never: moments},
	"bad_timestamp_3": {never: moments},
	"bad_timestamp_5": {never: moments},
	"bad_timestamp_6": {never: moments},
	"bad_timestamp_8": {never: moments},

	"bad_type_0": {never: metadata},
	"bad_type_2": {never: metadata},
	"bad_type_3": {never: metadata},
	"bad_type_5": {try: point(metric.Desc{Name: "a", Kind: 100}, metric.Point{}), refused: byCollector + `ember: "a": there is no kind Kind(100)`},
	"bad_type_6": {never: metadata},

	"bad_unit_0": {never: metadata},
	"bad_unit_1": {never: metadata},
	"bad_unit_3": {never: metadata},
	"bad_unit_4": {
		try:    point(metric.Desc{Name: "a", Unit: "seconds"}, metric.Point{}),
		writes: "# TYPE a unknown\na 0.0\n# EOF\n",
	},
	"bad_unit_6": {
		try:     point(metric.Desc{Name: "x_u_info", Kind: metric.Info, Unit: "u"}, metric.Point{Value: 1}),
		refused: byCollector + `ember: info "x_u_info" has the unit "u", but an info has none`,
	},
	"bad_unit_7": {
		try:     point(metric.Desc{Name: "x_u", Kind: metric.StateSet, Unit: "u"}, metric.Point{Labels: label("x_u", "on"), Value: 1}),
		refused: byCollector + `ember: stateset "x_u" has the unit "u", but a stateset has none`,
	},

	"bad_value_1":  {never: syntax},
	"bad_value_10": {never: numbers},
	"bad_value_12": {never: numbers},
	"bad_value_2":  {never: syntax},
	"bad_value_4":  {never: numbers},
	"bad_value_5":  {never: numbers},
	"bad_value_7":  {never: numbers},
	"bad_value_8":  {never: numbers},
}

// What is bad is refused, or comes out as something that is not.
func TestCorpusOfBadExpositions(t *testing.T) {
	bad := make(map[string]bool)
	for _, c := range corpus(t) {
		if c.Parses {
			continue
		}
		bad[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			_, err := readPython(t, []byte(c.Text))
			var refusal *judge.Refusal
			require.ErrorAs(t, err, &refusal, "the judge is not as strict as the corpus")

			f, ok := fates[c.Name]
			require.True(t, ok, "no fate")
			ways := 0
			for _, there := range []bool{f.try != nil, f.never != "", f.exempt != ""} {
				if there {
					ways++
				}
			}
			require.Equal(t, 1, ways, "one fate")
			if f.try == nil {
				return
			}
			reg := ember.NewRegistry()
			err = f.try(reg)
			if f.refused != "" {
				require.EqualError(t, err, f.refused)
				return
			}
			require.NoError(t, err)
			w := wire{base: ember.FormatOpenMetrics}
			data := written(t, reg, w)
			require.Equal(t, f.writes, string(data))
			families, err := reg.Gather()
			require.NoError(t, err)
			requireAgreement(t, families, data, w)
		})
	}
	for name := range fates {
		require.Contains(t, bad, name, "no such case")
	}
}
