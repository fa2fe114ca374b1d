// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// difference is where a judge reads something else than what is meant, or refuses
// what Ember may write, and is let.
type difference struct {
	name   string
	judge  string
	reason string

	// change makes of what is meant what the judge reads, and reports whether that is
	// something else.
	change func(r reading, want *judge.Exposition) bool
	// refuses returns a part of the error with which the judge refuses the whole;
	// empty if it does not.
	refuses func(r reading, want *judge.Exposition) string
}

// differences are all that there are. TestDifferencesMatter fails for one that
// nothing needs any more.
var differences = []difference{
	{
		name: "whole milliseconds", judge: prometheus,
		reason: "Prometheus counts time in milliseconds. In OpenMetrics it multiplies a float64 of seconds by 1000 and cuts the rest off, which at times loses one more.",
		change: func(r reading, want *judge.Exposition) bool {
			return eachInstant(want, func(i judge.Instant) judge.Instant { return inMillis(r, i) })
		},
	}, {
		name: "time zero", judge: prometheus,
		reason: "Prometheus takes zero for no time: 1970-01-01T00:00:00Z as the time of a sample in protobuf, and as the time of creation everywhere.",
		change: func(r reading, want *judge.Exposition) bool {
			return eachSample(want, func(s *judge.Sample) bool {
				before := *s
				if s.Created.Nanos == 0 {
					s.Created = judge.Instant{}
				}
				if s.Time.Nanos == 0 && r.base == ember.FormatProtobuf {
					s.Time = judge.Instant{}
				}
				return before.Created != s.Created || before.Time != s.Time
			})
		},
	}, {
		name: "escaped exemplars", judge: prometheus,
		reason: "Prometheus does not unescape the label values of exemplars in OpenMetrics 1.",
		change: func(r reading, want *judge.Exposition) bool {
			if !r.isOpenMetrics1() {
				return false
			}
			return eachExemplar(want, func(e *judge.Exemplar) bool {
				changed := false
				for i, l := range e.Labels {
					e.Labels[i].Value = labelEscaper.Replace(l.Value)
					changed = changed || e.Labels[i] != l
				}
				return changed
			})
		},
	}, {
		name: "exemplars of further native histograms", judge: prometheus,
		reason: "Prometheus, in a protobuf family of native histograms without classic buckets, passes over as many exemplars of a series as an earlier one had.",
		change: func(r reading, want *judge.Exposition) bool {
			if r.base != ember.FormatProtobuf || r.classicOnly {
				return false
			}
			changed := false
			for _, family := range r.histograms {
				seen := 0
				for _, h := range family {
					if !h.nativeAlone {
						seen = 0
						continue
					}
					s := want.Samples[h.id]
					n := len(s.Exemplars)
					s.Exemplars = s.Exemplars[min(seen, n):]
					if len(s.Exemplars) == 0 {
						s.Exemplars = nil
					}
					want.Samples[h.id] = s
					changed = changed || seen > 0 && n > 0
					seen = max(seen, n)
				}
			}
			return changed
		},
	}, {
		name: "help of blanks", judge: prometheus,
		reason: "Prometheus reads a help text of nothing but blanks, tabs and null bytes as an empty one, in the text format alone.",
		change: func(r reading, want *judge.Exposition) bool {
			return r.isText() && eachHelp(want, func(help string) string {
				if strings.Trim(help, " \t\x00") == "" {
					return ""
				}
				return help
			})
		},
	}, {
		name: "help without blanks in front", judge: common,
		reason: "The text parser of common drops the blanks and tabs that a help text begins with. The format does not say that more than one separates.",
		change: func(r reading, want *judge.Exposition) bool {
			return r.isText() && eachHelp(want, func(help string) string { return strings.TrimLeft(help, " \t") })
		},
	}, {
		name: "counts above 2^63", judge: common,
		reason: "The text parser of common makes a uint64 of a summary's count, which 2^64, the float64 that large counts are written as, does not fit in.",
		change: func(r reading, want *judge.Exposition) bool {
			if !r.isText() {
				return false
			}
			return eachSample(want, func(s *judge.Sample) bool {
				family, ok := strings.CutSuffix(s.Name, "_count")
				if !ok || want.Families[family].Type != "summary" || s.Value.Float() < 1<<64 {
					return false
				}
				s.Value = judge.Num(1 << 63)
				return true
			})
		},
	}, {
		name: "quoted names", judge: pythonName,
		reason: "client_python 0.16 is older than names in UTF-8, which OpenMetrics 1 does not have either: they are written only for readers that ask for them.",
		refuses: func(r reading, want *judge.Exposition) string {
			for _, s := range want.Samples {
				if !classicName(s.Name, true) {
					return "client_python refuses it"
				}
				for _, l := range s.Labels {
					if !classicName(l.Name, false) {
						return "client_python refuses it"
					}
				}
			}
			return ""
		},
	}, {
		name: "negative or no totals", judge: pythonName,
		reason: "OpenMetrics 1 has no negative sums or quantiles, and no sums that are not a number. Ember writes what was observed, in all formats, and Prometheus reads it.",
		refuses: func(_ reading, want *judge.Exposition) string {
			return refusedNumbers(want)
		},
	}, {
		name: "sums beside negative buckets", judge: pythonName,
		reason: "OpenMetrics 1 forbids the sum of a histogram with a negative bound, since the sum is no counter. Every other client writes it, and without it Prometheus has no average.",
		refuses: func(_ reading, want *judge.Exposition) string {
			for _, s := range want.Samples {
				family, ok := strings.CutSuffix(s.Name, "_bucket")
				if ok && want.Families[family].Type == "histogram" && bound(s) < 0 {
					return "client_python refuses it"
				}
			}
			return ""
		},
	}, {
		name: "braces and quotes in exemplars", judge: pythonName,
		reason: "client_python 0.16 does not look for quotes while it looks for the brace that ends an exemplar's labels.",
		refuses: func(_ reading, want *judge.Exposition) string {
			refused := false
			eachExemplar(want, func(e *judge.Exemplar) bool {
				for _, l := range e.Labels {
					refused = refused || strings.ContainsAny(l.Value, `}`)
				}
				return false
			})
			if refused {
				return "client_python refuses it"
			}
			return ""
		},
	},
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// inMillis returns an instant as Prometheus reads it.
func inMillis(r reading, i judge.Instant) judge.Instant {
	switch {
	case !i.Known || r.isText():
		return i
	case r.base == ember.FormatProtobuf:
		return judge.At(time.UnixMilli(time.Unix(0, i.Nanos).UnixMilli()))
	}
	seconds := float64(i.Nanos/1e6) / 1000 // in this format there is nothing finer
	return judge.Instant{Known: true, Nanos: int64(seconds*1000) * 1e6}
}

func eachHelp(x *judge.Exposition, change func(help string) string) (changed bool) {
	for name, f := range x.Families {
		before := f.Help
		f.Help = change(before)
		x.Families[name] = f
		changed = changed || f.Help != before
	}
	return changed
}

func eachSample(x *judge.Exposition, change func(s *judge.Sample) bool) (changed bool) {
	for id, s := range x.Samples {
		if change(&s) {
			changed = true
			x.Samples[id] = s
		}
	}
	return changed
}

func eachExemplar(x *judge.Exposition, change func(e *judge.Exemplar) bool) bool {
	return eachSample(x, func(s *judge.Sample) (changed bool) {
		for i := range s.Exemplars {
			changed = change(&s.Exemplars[i]) || changed
		}
		return changed
	})
}

func eachInstant(x *judge.Exposition, change func(i judge.Instant) judge.Instant) bool {
	return eachSample(x, func(s *judge.Sample) bool {
		changed := false
		set := func(i *judge.Instant) {
			before := *i
			*i = change(before)
			changed = changed || *i != before
		}
		set(&s.Time)
		set(&s.Created)
		for i := range s.Exemplars {
			set(&s.Exemplars[i].Time)
		}
		return changed
	})
}

// refusedNumbers returns client_python's reason to refuse a number, or nothing.
func refusedNumbers(x *judge.Exposition) string {
	for name, f := range x.Families {
		belowZero := make(map[string]bool) // by labels: there is a negative bound
		for _, s := range x.Samples {
			if f.Type == "gaugehistogram" && s.Name == name+"_bucket" && bound(s) < 0 {
				belowZero[judge.ID("", without(s.Labels, "le"))] = true
			}
		}
		for _, s := range x.Samples {
			suffix, ok := strings.CutPrefix(s.Name, name)
			if !ok {
				continue
			}
			v := s.Value.Float()
			switch f.Type + suffix {
			case "summary":
				if v < 0 {
					return "client_python refuses it"
				}
			case "summary_sum", "histogram_sum", "counter_total":
				if v < 0 || math.IsNaN(v) {
					return "client_python refuses it"
				}
			case "gaugehistogram_gsum":
				if v < 0 && !belowZero[judge.ID("", s.Labels)] || math.IsNaN(v) {
					return "client_python refuses it"
				}
			}
		}
	}
	return ""
}

// bound returns the upper bound of a bucket.
func bound(s judge.Sample) float64 {
	i := slices.IndexFunc(s.Labels, func(l metric.Label) bool { return l.Name == "le" })
	return judge.Number(s.Labels[i].Value).Float()
}

func without(labels []metric.Label, name string) []metric.Label {
	return slices.DeleteFunc(slices.Clone(labels), func(l metric.Label) bool { return l.Name == name })
}

// classicName reports whether a name needs no quotes.
func classicName(name string, colon bool) bool {
	for i, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colon || c >= '0' && c <= '9' && i > 0) {
			return false
		}
	}
	return name != ""
}
