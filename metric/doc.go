// SPDX-License-Identifier: Apache-2.0

// Package metric is Ember's vocabulary: what a family, a point and a label are,
// and how values that live elsewhere reach a scrape.
//
// A Collector reads values from wherever they live and writes them to a Sink:
//
//	func (p *Pool) Collect(ctx context.Context, out *metric.Sink) error {
//		out.Gauge("pool_connections", "Open connections.", float64(p.Open()),
//			metric.Label{Name: "pool", Value: p.name})
//		return nil
//	}
//
// The package depends on the standard library alone and knows nothing of
// registries, formats or HTTP, so a collector needs to import nothing else.
package metric
