// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/embermetrics/ember/metric"
)

// job is one collector, or the functions of one instrument, called for one
// scrape in a goroutine of its own: what it does wrong is its own loss.
type job struct {
	reg       *registration
	name      string         // for errors
	functions []calledSeries // to be called; none of a collector

	// Written by the job's goroutine until it is done.
	sink   metric.Sink
	called []calledSeries // functions, with their values
	err    error

	state atomic.Int32 // running, then done or abandoned
	late  int32        // written before state becomes abandoned: what stuck was increased by
}

const (
	running = iota
	done
	abandoned
)

// collectorRun is what a registration remembers from scrape to scrape.
type collectorRun struct {
	calls  atomic.Int32 // that have not returned
	stuck  atomic.Int32 // of these, calls that missed a deadline
	logged string       // the last error logged; under the registry's mu
}

// maxCalls bounds how many calls of one collector may be under way, in case that it
// hangs and nobody sets a deadline.
const maxCalls = 256

var (
	errStuck  = errors.New("a call that an earlier scrape gave up on has not returned")
	errGoexit = errors.New("it called runtime.Goexit")
)

// collect runs a job for each registration that needs one, and waits for all of
// them until ctx is done. Jobs that are not done by then have an error.
func collect(ctx context.Context, regs []*registration) []*job {
	var jobs []*job
	for _, reg := range regs {
		j := &job{reg: reg, name: reg.desc.Name}
		if c, ok := reg.collector.(calling); ok {
			if j.functions = c.callbacks(); len(j.functions) == 0 {
				continue
			}
		} else if _, ok := reg.collector.(instrument); ok {
			continue
		} else {
			j.name = strings.TrimPrefix(fmt.Sprintf("%T", reg.collector), "*")
		}
		jobs = append(jobs, j)
	}
	finished := make(chan struct{}, len(jobs))
	for _, j := range jobs {
		if j.reg.run.stuck.Load() > 0 || j.reg.run.calls.Load() >= maxCalls {
			j.err = errStuck
			j.state.Store(done)
			finished <- struct{}{}
			continue
		}
		j.reg.run.calls.Add(1)
		go func() {
			j.err = errGoexit // until run has returned
			defer func() {
				j.reg.run.calls.Add(-1)
				if !j.state.CompareAndSwap(running, done) {
					j.reg.run.stuck.Add(-j.late)
				}
				finished <- struct{}{}
			}()
			j.err = readable(j.run(ctx))
		}()
	}
	for range jobs {
		select {
		case <-finished:
		case <-ctx.Done():
			return giveUp(ctx, jobs)
		}
	}
	return jobs
}

// giveUp replaces the jobs that are still running, whose memory is still theirs,
// by failed ones. Only a deadline proves a collector slow: a client that goes away
// must not cost the next one anything.
func giveUp(ctx context.Context, jobs []*job) []*job {
	late := int32(0)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		late = 1
	}
	for i, j := range jobs {
		j.late = late
		j.reg.run.stuck.Add(late)
		if j.state.CompareAndSwap(running, abandoned) {
			jobs[i] = &job{reg: j.reg, name: j.name, functions: slices.Clone(j.functions), err: errorf("not done in time: %w", context.Cause(ctx))}
		} else {
			j.reg.run.stuck.Add(-late)
		}
	}
	return jobs
}

// readable returns err with its text, which somebody else's code makes: it must not
// do so later, where a panic would not be confined.
func readable(err error) error {
	if err == nil {
		return nil
	}
	e := &readableError{err: err}
	if p := guard(func() error { e.text = err.Error(); return nil }); p != nil {
		return errorf("it returned an error whose text cannot be had: %w", p)
	}
	return e
}

type readableError struct {
	text string
	err  error
}

func (e *readableError) Error() string { return e.text }
func (e *readableError) Unwrap() error { return e.err }

func (j *job) run(ctx context.Context) error {
	if j.functions == nil {
		if err := guard(func() error { return j.reg.collector.Collect(ctx, &j.sink) }); err != nil {
			return err
		}
		return j.sink.Err()
	}
	var failed error
	var called []calledSeries
	for _, s := range j.functions {
		if err := guard(func() error { return s.evaluate(j.reg.desc.Kind) }); err != nil {
			// The last one will do; the other series are exposed.
			failed = errorf("the function of %s: %w", seriesName(j.name, s.labels), err)
			s.failed = true
		}
		called = append(called, s)
	}
	j.called = called
	return failed
}

// outcome returns what became of the job's functions: all failed if the job did not
// get to the end.
func (j *job) outcome() []calledSeries {
	if j.called != nil {
		return j.called
	}
	for i := range j.functions {
		j.functions[i].failed = true
	}
	return j.functions
}

// panicError is a panic of somebody else's code, which Ember survives.
type panicError struct {
	value any
	stack []byte // for the log; Error leaves it out
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard calls f and makes an error of a panic.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return f()
}
