// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"runtime/metrics"

	"github.com/embermetrics/ember/metric"
)

var (
	BuildInfoOf = newBuildInfo
	RuntimeDesc = runtimeDesc
)

// Reduce returns h with the buckets that a scrape would write.
func Reduce(h *metrics.Float64Histogram, unit string) metric.Point {
	p, _ := newReduction(h.Buckets, unit).point(h, nil)
	return p
}
