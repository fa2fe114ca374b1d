// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"errors"
	"testing"

	"github.com/embermetrics/ember"
)

// Value returns the value of the one series that has a name and these labels, given as
// pairs of a name and a value:
//
//	embertest.Value(t, reg, "http_requests_total", "method", "GET", "status", "200")
//
// Labels that tell nothing apart can be left out. The value "" means that the series does
// not have the label.
//
// The name is that of a sample, as in a query: a histogram called x has x_count, x_sum and
// x_bucket with the label le; a summary has x_count, x_sum and, for its quantiles, x with the
// label quantile. Their values of le and quantile are compared as numbers.
//
// If no series or several ones are asked for, the test ends with a list of those that are
// there, and of a name or value that is nearly one of them it asks whether that was meant.
// So absence is not zero: a series that nobody has counted on is not exposed, and a failure.
//
// What could not be gathered is a failure only if the series is not among the rest.
func Value(t testing.TB, g ember.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	q, err := newQuery(name, labels)
	if err != nil {
		t.Fatal(err)
	}
	s, err := expose(g, "", samplesOf).find(q)
	if err != nil {
		t.Fatal(err)
		return 0
	}
	return s.value
}

// Delta returns by how much a series grew while f ran. The series is found as by Value,
// except that one which is not there before f counts as 0:
//
//	failed := embertest.Delta(t, reg, func() { serve(badRequest) }, "http_requests_total", "status", "400")
//
// It must be there after f. What fell, as a counter does that begins anew, has grown by less
// than nothing. So that nobody else counts meanwhile, tests that run in
// parallel have a registry each.
func Delta(t testing.TB, g ember.Gatherer, f func(), name string, labels ...string) float64 {
	t.Helper()
	q, err := newQuery(name, labels)
	if err != nil {
		t.Fatal(err)
	}
	before := 0.0
	s, err := expose(g, "", samplesOf).find(q)
	switch m := (*missing)(nil); {
	case err == nil:
		before = s.value
	case !errors.As(err, &m):
		t.Fatal(err)
	}
	f()
	s, err = expose(g, "", samplesOf).find(q)
	if err != nil {
		t.Fatal(err)
		return 0
	}
	return s.value - before
}
