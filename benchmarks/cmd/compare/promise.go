// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
)

// promise is what Ember says of itself in one case.
type promise struct {
	row
	than  subject // what the case is compared with; zero: nothing, the bound is in the row's unit
	least float64 // than takes at least so many times as much as Ember; 0: not promised
	most  float64 // Ember takes at most so many times as much, or this; 0: not promised
}

// subject is another library in the same row, or Ember in another row.
type subject struct{ impl, name string }

// String names the promise, as missed.md does.
func (p promise) String() string {
	s := p.name
	if p.unit != "sec/op" {
		s += " " + p.unit
	}
	if p.than != (subject{}) {
		s += " against " + p.against()
	}
	return s
}

// against is what the promise compares Ember with.
func (p promise) against() string { return p.than.name + p.than.impl }

// bound says what is promised.
func (p promise) bound() string {
	if p.least > 0 {
		return "at least " + formatRatio(p.least)
	}
	return "at most " + formatRatio(p.most)
}

// minutes reports whether a run leaves out what is promised if it has no minutes for
// the rivals.
func (p promise) minutes() bool {
	return p.than.impl != "" && strings.Contains(p.name, "series=1000000")
}

// verdict is how a promise fared.
type verdict struct {
	promise
	measured bool
	value    float64 // to be compared with the bound, to two digits
	kept     bool
}

// judge compares a promise with what was measured.
func (t *table) judge(p promise) verdict {
	value, measured := t.median(p.row, ours)
	if p.than != (subject{}) {
		than, ok := t.median(row{p.unit, p.than.name}, ours)
		if p.than.impl != "" {
			than, ok = t.median(p.row, p.than.impl)
		}
		measured = measured && ok && value > 0 && than > 0
		if p.least > 0 {
			value, than = than, value
		}
		value /= than
	}
	v := verdict{promise: p, measured: measured}
	if measured {
		v.value = rounded(value)
		v.kept = p.least > 0 && v.value >= p.least || p.most > 0 && v.value <= p.most
	}
	return v
}

// String says how a promise fared.
func (v verdict) String() string {
	if !v.measured {
		return v.promise.String() + " was not measured"
	}
	return fmt.Sprintf("%s: %s, promised %s", v.promise, formatRatio(v.value), v.bound())
}

// check writes how each promise fared, and returns an error if one was missed. If
// only part was measured, on purpose, the rest does not count.
func (t *table) check(out io.Writer, promises []promise, partial bool) error {
	fmt.Fprintln(out)
	missed := 0
	for _, p := range promises {
		switch v := t.judge(p); {
		case v.kept:
			fmt.Fprintln(out, "kept   ", v)
		case v.measured || !partial:
			missed++
			fmt.Fprintln(out, "MISSED ", v)
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d promises were missed", missed, len(promises))
	}
	return nil
}
