// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/embermetrics/ember/internal/native"
)

// latencies returns lognormal values, and negative ones among them if asked for.
func latencies(signs int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 1<<14)
	for i := range values {
		values[i] = 0.020 * math.Exp(r.NormFloat64()/2) * (1 - 2*float64(r.IntN(signs)))
	}
	return values
}

func BenchmarkObserve(b *testing.B) {
	for _, schema := range []int{0, 3, 8} {
		for _, bench := range []struct {
			name   string
			values []float64
		}{
			{"same", []float64{0.02}},
			{"latencies", latencies(1)},
			{"both signs", latencies(2)},
		} {
			b.Run(fmt.Sprintf("schema=%d/values=%s", schema, bench.name), func(b *testing.B) {
				buckets := native.New(native.Scale{Schema: schema, ZeroThreshold: 0x1p-128})
				i, mask := 0, len(bench.values)-1
				for b.Loop() {
					buckets.Observe(bench.values[i&mask])
					i++
				}
			})
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	values := latencies(1)
	i, sum := 0, 0
	for b.Loop() {
		sum += native.Index(values[i&(len(values)-1)], 3)
		i++
	}
}

func BenchmarkMerge(b *testing.B) {
	from := native.New(native.Scale{Schema: 3})
	for _, v := range latencies(1) {
		from.Observe(v)
	}
	to := native.New(native.Scale{Schema: 3})
	for b.Loop() {
		to.Reset(from.Scale())
		to.Merge(from)
	}
	b.ReportMetric(float64(from.Populated()), "buckets")
}
