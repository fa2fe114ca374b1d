// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rounds of a computation are work: for the processor alone, and each waits for
// the one before, so that their number decides the time.
type rounds int

type workload struct {
	name string
	rounds
}

// workloads are the amounts of work between updates. They are timed once, so they
// are the same for all libraries that one process measures.
var workloads = sync.OnceValue(func() []workload {
	return []workload{{"0", 0}, {"100ns", lasting(100 * time.Nanosecond)}, {"1us", lasting(time.Microsecond)}}
})

// lasting returns what takes so long, over and over: a processor begins with the next
// before it is done with the last. So it tries, and corrects itself.
func lasting(d time.Duration) rounds {
	const times = 100
	r := rounds(d)
	for range 3 {
		fastest := time.Hour // the slower ones were disturbed
		for range 200 {
			start := time.Now()
			for range times {
				r.do()
			}
			fastest = min(fastest, time.Since(start))
		}
		r = max(1, r*rounds(times*d)/rounds(max(fastest, 1)))
	}
	return r
}

// do works. Without anything to do it costs a branch.
func (r rounds) do() {
	if r > 0 && compute(r) == 0 {
		sink.Add(1) // once in 2^64
	}
}

// sink takes results, so that they are wanted.
var sink atomic.Uint64

//go:noinline
func compute(r rounds) uint64 {
	x := uint64(r)
	for range r {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// BenchmarkWork works, and does nothing else: what to subtract from the other benchmarks.
func BenchmarkWork(b *testing.B) {
	record(b, impl{"none", func() updates {
		return func(n int, work rounds) {
			for range n {
				work.do()
			}
		}
	}})
}
