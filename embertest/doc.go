// SPDX-License-Identifier: Apache-2.0

// Package embertest helps to test services that are instrumented with Ember.
//
// It looks at what a registry, or any other [ember.Gatherer], exposes. So a test
// first lets the service work, then asks:
//
//	func TestMetrics(t *testing.T) {
//		reg := ember.NewRegistry()
//		s := newShop(reg)
//		s.sell("apples", 3)
//		s.sell("pears", 1)
//
//		if got := embertest.Value(t, reg, "shop_orders_total", "status", "paid"); got != 2 {
//			t.Errorf("%g orders were paid", got)
//		}
//		embertest.RequireClean(t, reg)
//	}
//
// A registry for each test lets tests run in parallel. Whatever is asked gathers once, as
// a scrape does. Failures end the test as FailNow does, so ask in the goroutine of the test.
// The package is for tests: it links package testing into what imports it.
//
// # Values
//
// [Value] returns the value of one series, and [Delta] by how much it grows during a call:
//
//	failed := embertest.Delta(t, reg, func() { s.sell("pears", -1) }, "shop_orders_total", "status", "failed")
//
// Labels that tell nothing apart can be left out. A name or value that is not there is a
// failure, never zero, and the failure lists what is there:
//
//	embertest: nothing exposed is called "shop_order_total"; is "shop_orders_total" meant? There is:
//		shop_orders_total
//		shop_payment_seconds_bucket
//		shop_payment_seconds_count
//		shop_payment_seconds_sum
//
// [Histogram] and [Summary] return whole series. Of a histogram, native or not, a test can
// ask how many observations there were within a range, as far as the buckets tell, and what
// Prometheus will take a quantile for:
//
//	h := embertest.Histogram(t, reg, "shop_payment_seconds")
//	least, most := h.Within(0, 0.1)
//	p95 := h.Quantile(0.95)
//
// # Whole expositions
//
// [Compare] wants families to be exposed as in a text, of which neither the order nor the
// space matters:
//
//	embertest.Compare(t, reg, `
//		# TYPE shop_orders_total counter
//		shop_orders_total{status="paid"} 2
//		shop_orders_total{status="failed"} 1
//	`, "shop_orders_total")
//
// If they are not, the failure is a diff:
//
//	embertest: what is exposed is not what is wanted (- wanted, + exposed):
//		  # HELP shop_orders_total Orders, by what became of them.
//		  # TYPE shop_orders_total counter
//		- shop_orders_total{status="failed"} 1
//		+ shop_orders_total{status="failed"} 2
//		  shop_orders_total{status="paid"} 2
//
// Time is read with package time, so in a bubble of testing/synctest even the sums of
// durations are always the same.
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
