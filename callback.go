// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"sync/atomic"

	"github.com/embermetrics/ember/metric"
)

// callback is an instrument whose one series comes from a function.
type callback struct {
	def *definition
	f   atomic.Pointer[func() float64]
}

func (c *callback) init(d *definition, f func() float64) {
	c.def = d
	if f == nil {
		d.fail(errorf("ember: %s has no function to call", d))
		f = func() float64 { return 0 }
	}
	c.f.Store(&f)
}

func (c *callback) call() float64 { return (*c.f.Load())() }

func (c *callback) definition() *definition { return c.def }

func (c *callback) callbacks() []calledSeries { return []calledSeries{{call: c.call}} }

func (c *callback) write(e encoder, called []calledSeries) {
	for _, s := range called {
		if !s.failed {
			e.value(s.labels, s.value, nil)
		}
	}
}

// calledSeries is a series whose value comes from a function: called before the
// scrape is written, since it may fail.
type calledSeries struct {
	labels string
	call   func() float64
	value  float64
	failed bool // there is no value, and nothing is written
}

// evaluate calls the function. It returns an error for what no series of this
// kind can have.
func (s *calledSeries) evaluate(kind metric.Kind) error {
	s.value = s.call()
	if kind == metric.Counter && !isTotal(s.value) {
		return errorf("it returned %g, which no counter can be", s.value)
	}
	return nil
}

// isTotal reports whether a counter can have the value.
func isTotal(v float64) bool { return v >= 0 && !isInf(v, 1) }
