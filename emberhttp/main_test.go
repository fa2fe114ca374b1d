// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) {
	leaktest.Main(m, makeTestFile())
}

// lockedBuffer is written to by servers and read by tests.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

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
