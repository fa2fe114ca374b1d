// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/embermetrics/ember/conformance/judge"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // much here is wrong on purpose
	code := m.Run()
	if python.p != nil {
		if err := python.p.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
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

// python is one process for all tests.
var python struct {
	once sync.Once
	mu   sync.Mutex // held while it reads
	p    *judge.Python
	err  error
}

// needPython skips or fails a test that cannot do without client_python.
func needPython(t testing.TB) {
	t.Helper()
	python.once.Do(func() { python.p, python.err = judge.StartPython() })
	if python.err != nil {
		judge.Missing(t, python.err.Error(), "python3-prometheus-client")
	}
}

// readPython reads OpenMetrics 1 with client_python.
func readPython(t testing.TB, data []byte) (*judge.Exposition, error) {
	t.Helper()
	needPython(t)
	python.mu.Lock()
	defer python.mu.Unlock()
	return python.p.Read(data)
}
