// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run if a goroutine outlives the tests.
func TestMain(m *testing.M) {
	before := goroutines()
	code := m.Run()
	if code == 0 && flag.Lookup("test.fuzz").Value.String() == "" {
		if left := survivors(before, 2*time.Second); len(left) > 0 {
			fmt.Printf("FAIL: %d goroutines outlive the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// goroutines returns the stack of every goroutine but the caller's, by the
// goroutine's number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := make(map[string]string)
	for i, stack := range strings.Split(strings.TrimSpace(string(buf)), "\n\n") {
		if i > 0 { // the caller's comes first
			id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
			all[id] = stack
		}
	}
	return all
}

// survivors returns the goroutines that are not in before, once they have had
// time to end.
func survivors(before map[string]string, patience time.Duration) []string {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var left []string
		for id, stack := range goroutines() {
			if _, ok := before[id]; !ok {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

func TestSurvivors(t *testing.T) {
	before := goroutines()
	end, started := make(chan struct{}), make(chan struct{})
	go func() {
		close(started)
		<-end
	}()
	<-started
	left := survivors(before, 0)
	close(end)
	if len(left) != 1 || !strings.Contains(left[0], "ember_test.TestSurvivors") {
		t.Fatalf("%q", left)
	}
	if left := survivors(before, 2*time.Second); len(left) != 0 {
		t.Fatalf("%q", left)
	}
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
