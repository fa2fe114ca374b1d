// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What others can read must not cost more than what they cannot.
func BenchmarkWindowAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	latencies := make([]float64, 1<<14)
	for i := range latencies {
		latencies[i] = 0.020 * math.Exp(r.NormFloat64()/2)
	}
	for _, moved := range []bool{false, true} {
		for _, bench := range []struct {
			name   string
			values []float64
		}{
			{"same", []float64{0.02}},
			{"latencies", latencies},
		} {
			name := "home=heap/values="
			if moved {
				name = "home=words/values="
			}
			b.Run(name+bench.name, func(b *testing.B) {
				w := NewWindow(5)
				if moved {
					w.MoveTo(&home{}, 0)
				}
				i, mask := 0, len(bench.values)-1
				for b.Loop() {
					w.Add(7, bench.values[i&mask])
					i++
				}
			})
		}
	}
}
