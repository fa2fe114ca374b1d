// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
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
	called []calledSeries // functions that have returned a value
	err    error

	state atomic.Int32 // running, then done or abandoned
}

const (
	running = iota
	done
	abandoned
)

// collectorRun is what a registration remembers from scrape to scrape.
type collectorRun struct {
	stuck  atomic.Int32 // calls that were abandoned and have not returned
	logged string       // the last error logged; under the registry's mu
}

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
		if j.reg.run.stuck.Load() > 0 {
			j.err = errStuck
			j.state.Store(done)
			finished <- struct{}{}
			continue
		}
		go func() {
			j.err = errGoexit // until run has returned
			defer func() {
				if !j.state.CompareAndSwap(running, done) {
					j.reg.run.stuck.Add(-1)
				}
				finished <- struct{}{}
			}()
			j.err = j.run(ctx)
		}()
	}
	for range jobs {
		select {
		case <-finished:
		case <-ctx.Done():
			return giveUp(jobs, context.Cause(ctx))
		}
	}
	return jobs
}

// giveUp replaces the jobs that are still running, whose memory is still theirs,
// by failed ones.
func giveUp(jobs []*job, cause error) []*job {
	for i, j := range jobs {
		j.reg.run.stuck.Add(1)
		if j.state.CompareAndSwap(running, abandoned) {
			jobs[i] = &job{reg: j.reg, name: j.name, err: fmt.Errorf("not done in time: %w", cause)}
		} else {
			j.reg.run.stuck.Add(-1)
		}
	}
	return jobs
}

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
			failed = fmt.Errorf("the function of %s: %w", seriesName(j.name, s.labels), err)
			continue
		}
		called = append(called, s)
	}
	j.called = called
	return failed
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
