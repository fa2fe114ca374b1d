// SPDX-License-Identifier: Apache-2.0

// Package embertest helps to test services that are instrumented with Ember.
//
// It looks at what a registry, or any other [ember.Gatherer], exposes. So a test
// first lets the service work, then asks:
//
//	func TestMetrics(t *testing.T) {
//		reg := ember.NewRegistry()
//		s := shop.New(reg)
//		serveSomeRequests(t, s)
//
//		embertest.RequireClean(t, reg)
//	}
//
// The package is for tests: it links package testing into what imports it.
//
// # Names and labels
//
// [Lint] returns the problems of names, units and labels that dashboards, alerts and
// other readers will have, each with what to do about it; [RequireClean] fails a test
// that has any. The rules are those of the Prometheus ecosystem, and each is a [Rule]
// that says what it wants and why. A metric that "promtool check metrics" objects to,
// Lint does too.
//
// A finding may be right where it stands, say because dashboards know the name. A
// test says so with an [Accept], by name and rule.
//
// # Labels without bounds
//
// A series lives until it is deleted, so a label whose values nobody can list takes
// every place that its vector has, and fills the memory of Prometheus. [RuleCardinality] finds
// such labels by the values that were seen: ids, addresses, hashes, paths with
// numbers in them and so on. It needs several different values to be sure of
// anything, so it sees most after a test that served a few dozen different
// requests. It can neither prove that a label is bounded, nor see one that no
// request has filled; what it reports as unbounded now and then is not.
package embertest
