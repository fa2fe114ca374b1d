// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"testing"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// SummarySeries is one series of a summary at one moment. The zero value is one that
// nothing was observed for.
type SummarySeries struct {
	Count     uint64
	Sum       float64
	Quantiles []metric.Quantile // by increasing quantile; nil: none were asked for
}

// Summary returns the one series of a summary that has a name, the family's, and these
// labels. It is found, or not, as by Value.
func Summary(t testing.TB, g ember.Gatherer, name string, labels ...string) SummarySeries {
	t.Helper()
	q, err := newQuery(name, labels)
	if err != nil {
		t.Fatal(err)
	}
	s, err := expose(g, "summary", summariesOf).find(q)
	if err != nil {
		t.Fatal(err)
		return SummarySeries{}
	}
	return SummarySeries{Count: s.point.Count, Sum: s.point.Sum, Quantiles: s.point.Quantiles}
}

func summariesOf(f *metric.Family) []sample {
	if f.Kind != metric.Summary {
		return nil
	}
	return wholes(f)
}
