// SPDX-License-Identifier: Apache-2.0

package embertest

// Rule names what a Problem breaks. The names are stable: an Accept refers to them.
type Rule string

// The rules of Lint.
const (
	// RuleGather: everything can be gathered.
	RuleGather Rule = "gather"

	// RuleHelp: every metric has a help text.
	RuleHelp Rule = "help"

	// RuleTotal: the names of counters end in "_total", and no others do, for that is
	// how people and tools tell what rate() is good for. OpenMetrics knows no other
	// counters at all.
	RuleTotal Rule = "total"

	// RuleInfo: the names of infos end in "_info", and no others do. A gauge that is
	// always 1 is an info too, in formats that have no others.
	RuleInfo Rule = "info"

	// RuleSuffix: no name ends like those of the samples of a histogram or summary:
	// "_bucket", "_sum", "_count", "_created", "_gsum" or "_gcount".
	RuleSuffix Rule = "suffix"

	// RuleKind: the name does not say the metric's type, which readers are told
	// anyway: no word but the first is "counter", "gauge", "histogram" or "summary".
	RuleKind Rule = "kind"

	// RuleBaseUnit: units are base units, so that numbers can be combined without
	// conversion: seconds, bytes, ratios (from 0 to 1), meters, grams, joules, volts,
	// amperes, degrees celsius and so on; no milliseconds, no megabytes, no percent.
	RuleBaseUnit Rule = "base-unit"

	// RuleAbbreviation: units are spelled out: no "ms", "kb" or "pct".
	RuleAbbreviation Rule = "abbreviation"

	// RuleUnit: the unit stands at the end of the name, before "_total". That holds
	// for the unit that was given with the metric, and for durations and points in
	// time, which have one even if nobody gave it.
	//
	// A unit that stands in the name but was not given is no problem.
	RuleUnit Rule = "unit"

	// RuleColon: no colons, which stand for recording rules.
	RuleColon Rule = "colon"

	// RuleSnakeCase: names of metrics and labels are words of small letters and
	// digits with one underscore between them.
	RuleSnakeCase Rule = "snake-case"

	// RuleClassic: names of metrics and labels consist of ASCII letters, digits and
	// underscores. Others have to be quoted in queries, and are spelled in another
	// way for readers that do not know them.
	RuleClassic Rule = "classic"

	// RulePrefix, an advice: the name starts with what the metric belongs to, the
	// service or the library, as "jobs_total" does not: two programs may count jobs,
	// and mean different things.
	RulePrefix Rule = "prefix"

	// RuleReservedLabel: "le" is a label of histograms alone, and "quantile" of
	// summaries. What has no type may have both.
	RuleReservedLabel Rule = "reserved-label"

	// RuleTargetLabel, an advice: no label is called "job" or "instance". Prometheus
	// has labels of these names for whom it scrapes, and renames others to
	// "exported_job" and "exported_instance".
	RuleTargetLabel Rule = "target-label"

	// RuleRepetition: a label does not repeat what the metric's name says, nor the
	// name what a label does.
	RuleRepetition Rule = "repetition"

	// RuleSpelling: a label has the same name on all metrics, so that they can be
	// joined: not "status_code" here and "statuscode" there.
	RuleSpelling Rule = "spelling"

	// RuleCardinality: by the values seen, each label has a set of values that
	// somebody could list.
	RuleCardinality Rule = "cardinality"
)

// Advice reports whether a rule is a matter of taste or circumstances: RequireClean
// logs what breaks it, and does not fail.
func (r Rule) Advice() bool { return r == RulePrefix || r == RuleTargetLabel }
