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

// record runs a case with each amount of work, on one core and on two.
func record(b *testing.B, impls ...impl) {
	for _, work := range workloads() {
		for cores := 1; cores <= 2; cores++ {
			for _, i := range impls {
				name := fmt.Sprintf("work=%s/cores=%d/impl=%s", work.name, cores, i.name)
				b.Run(name, timed(i.start, cores, work.rounds))
			}
		}
	}
}

// warmUp is how many updates each core makes before the clock starts: enough for
// whatever adapts to contention.
const warmUp = 1 << 15

func timed(start func() updates, cores int, work rounds) func(*testing.B) {
	var update updates
	return func(b *testing.B) {
		if runtime.GOMAXPROCS(0) < cores {
			b.Skipf("needs GOMAXPROCS of %d", cores)
		}
		if update == nil { // this runs for each b.N that is tried
			update = start()
			spread(cores, cores*warmUp, 0, update)
		}
		b.ReportAllocs()
		b.ResetTimer()
		spread(cores, b.N, work, update)
	}
}

// chunk is how many updates a goroutine takes on at a time. testing's RunParallel
// asks for each one, at a cost that is a tenth of an update's.
const chunk = 1 << 10

// spread makes n updates on that many goroutines.
func spread(cores, n int, work rounds, update updates) {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range cores {
		wg.Go(func() {
			for {
				before := left.Add(-chunk) + chunk
				if before <= 0 {
					return
				}
				update(int(min(before, chunk)), work)
			}
		})
	}
	wg.Wait()
}
