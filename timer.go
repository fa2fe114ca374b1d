// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"time"
)

// Timer measures one stretch of time for a Histogram or Summary:
//
//	defer latency.Start().Stop() // counts, panic or not
//
// or, where a failed call should not be timed:
//
//	t := latency.Start()
//	defer t.Stop()
//	if err := call(); err != nil {
//		t.Discard()
//	}
//
// Copies of a Timer are the same timer. It is for one goroutine at a time. The
// zero Timer counts nothing.
//
// Time is read twice and nothing is allocated, unless the Timer outlives the
// function that started it.
type Timer struct{ *timing }

type timing struct {
	to    interface{ ObserveDuration(time.Duration) }
	start time.Time
	done  bool // stopped or discarded
}

// Stop counts the time since Start and returns it. Once stopped or discarded, it
// counts nothing more.
func (t Timer) Stop() time.Duration {
	took, first := t.stop()
	if first {
		t.to.ObserveDuration(took)
	}
	return took
}

// StopContext is Stop with the exemplar that the registry's WithExemplarSource finds in
// ctx, on the terms of Histogram.ObserveContext. Summaries have no exemplars.
func (t Timer) StopContext(ctx context.Context) time.Duration {
	took, first := t.stop()
	if !first {
		return took
	}
	if h, ok := t.to.(*Histogram); ok {
		h.ObserveContext(ctx, took.Seconds())
	} else {
		t.to.ObserveDuration(took)
	}
	return took
}

// stop returns the time since Start, and whether it is to be counted.
func (t Timer) stop() (took time.Duration, first bool) {
	if t.timing == nil {
		return 0, false
	}
	took = time.Since(t.start)
	first = !t.done
	t.done = true
	return took, first
}

// Discard makes a later Stop count nothing.
func (t Timer) Discard() {
	if t.timing != nil {
		t.done = true
	}
}
