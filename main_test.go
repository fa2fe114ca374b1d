// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var seed = flag.Uint64("seed", 0, "the seed of tests with random input; 0: another one each time")

// random returns a source of random numbers, and logs how to get the same again.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("the random input is that of -args -seed=%d", s)
	return rand.New(rand.NewPCG(s, 0))
}
