// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// updates makes n updates, each followed by work. Any number of goroutines may
// call it. Each case writes its loop out, so that the compiler sees what it sees
// in a program.
type updates func(n int, work rounds)

// impl is one library's part in a case.
type impl struct {
	name  string
	start func() updates // makes fresh instruments
}

// record runs a case with each amount of work, on one goroutine, on two, which are as
// many as there are cores, and on 64.
func record(b *testing.B, impls ...impl) {
	for _, work := range workloads() {
		for _, goroutines := range []int{1, 2, 64} {
			side(b, work, goroutines, impls)
		}
	}
}

// recordTight runs a case without work, on one goroutine and on two.
func recordTight(b *testing.B, impls ...impl) {
	for _, goroutines := range []int{1, 2} {
		side(b, workloads()[0], goroutines, impls)
	}
}

// side runs the libraries one right after the other.
func side(b *testing.B, work workload, goroutines int, impls []impl) {
	for _, i := range impls {
		if i.name == atomicAdd && goroutines > 1 {
			continue // what it shows then is the hardware
		}
		name := fmt.Sprintf("work=%s/goroutines=%d/impl=%s", work.name, goroutines, i.name)
		b.Run(name, timed(i.start, goroutines, work.rounds))
	}
}

// atomicAdd is not a library: it is the instruction that all of them need.
const atomicAdd = "atomic"

// warmUp is how many updates each core makes before the clock starts: enough for
// whatever adapts to contention.
const warmUp = 1 << 15

func timed(start func() updates, goroutines int, work rounds) func(*testing.B) {
	var update updates
	return func(b *testing.B) {
		cores := min(goroutines, 2)
		if runtime.GOMAXPROCS(0) < cores {
			b.Skipf("needs GOMAXPROCS of %d", cores)
		}
		if update == nil { // this runs for each b.N that is tried
			update = start()
			spread(goroutines, cores*warmUp, 0, update)
		}
		b.ReportAllocs()
		b.ResetTimer()
		spread(goroutines, b.N, work, update)
	}
}

// spread makes n updates on that many goroutines. Each takes on a chunk at a time, as
// testing's RunParallel does one by one, which costs a tenth of an update. Chunks are
// short enough that no core has much left to do when the others are done. Where there
// are more goroutines than cores, all have their turn: a goroutine that is never
// interrupted would make all the updates that a benchmark has time for.
func spread(goroutines, n int, work rounds, update updates) {
	chunk := int64(min(max(n>>10, 16), 1<<10))
	crowded := goroutines > runtime.GOMAXPROCS(0)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for {
				before := left.Add(-chunk) + chunk
				if before <= 0 {
					return
				}
				update(int(min(before, chunk)), work)
				if crowded {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
}
