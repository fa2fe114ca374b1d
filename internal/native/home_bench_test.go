// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"testing"

	"github.com/embermetrics/ember/internal/native"
)

// What others can read must not cost more than what they cannot.
func BenchmarkObserveMoved(b *testing.B) {
	zero := func(n int) []float64 { return make([]float64, n) }
	for _, moved := range []bool{false, true} {
		for _, bench := range []struct {
			name   string
			values []float64
		}{
			{"same", []float64{0.02}},
			{"latencies", latencies(1)},
			{"both signs", latencies(2)},
			{"zero", zero(1)},
		} {
			name := "home=heap/values="
			if moved {
				name = "home=words/values="
			}
			b.Run(name+bench.name, func(b *testing.B) {
				buckets := native.New(native.Scale{Schema: 3, ZeroThreshold: 0x1p-128})
				if moved {
					buckets.MoveTo(&home{}, 0)
				}
				i, mask := 0, len(bench.values)-1
				for b.Loop() {
					buckets.Observe(bench.values[i&mask])
					i++
				}
			})
		}
	}
}
