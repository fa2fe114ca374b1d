// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"context"
	"strconv"
	"time"
)

// Kind is the type of a family: what its numbers mean.
type Kind uint8

const (
	// Unknown promises nothing about the value.
	Unknown Kind = iota
	// Counter is a total that only grows, until its process restarts.
	Counter
	// Gauge is a value that goes up and down.
	Gauge
	// Histogram counts observations in buckets, with their sum and number.
	Histogram
	// Summary holds the sum and number of observations, and quantiles if asked.
	Summary
	// GaugeHistogram counts in buckets what is there now, such as the sizes of the
	// items in a queue, so its numbers go up and down.
	GaugeHistogram
	// Info is always 1; its labels say something about the process, such as its
	// version. Its name ends in "_info".
	Info
	// StateSet says of some states which ones are on: 1 or 0. A label called like
	// the family names the state.
	StateSet

	kinds = iota
)

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k < kinds }

var kindNames = [kinds]string{"unknown", "counter", "gauge", "histogram", "summary", "gaugehistogram", "info", "stateset"}

// String returns the kind's name in lower case, as OpenMetrics spells it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Label is one name and its value. Together with the family's name, a point's
// labels identify a series.
type Label struct {
	Name, Value string
}

// Desc describes the series that a collector will write under one name, so that
// a registry can refuse a clash when the collector is registered instead of at
// a scrape.
type Desc struct {
	Name string // the full name, as exposed
	Help string
	Unit string // a base unit such as "seconds", or empty; never added to Name
	Kind Kind
	Mode Mode // how the values of several processes become one; of gauges alone

	// ConstLabels are on every series, with these values.
	ConstLabels []Label
	// Labels are the names of the labels whose values differ between series.
	Labels []string
}

// Family is all series of one name, at one moment.
type Family struct {
	Name   string
	Help   string
	Unit   string
	Kind   Kind
	Mode   Mode // how the values of several processes become one; of gauges alone
	Points []Point
}

// Point is the value of one series at one moment. Which fields are meant
// depends on the family's kind; the others are zero.
type Point struct {
	Labels []Label

	// Value of a counter, gauge, info, state set or unknown.
	Value float64

	// Count and Sum of a histogram's, gauge histogram's or summary's observations.
	Count uint64
	Sum   float64

	// Buckets of a histogram, by increasing upper bound. The bucket for +Inf may
	// be left out: it holds Count.
	Buckets []Bucket
	// Native buckets of a histogram: beside Buckets, or instead of them. Nil: none.
	Native *Native
	// Quantiles of a summary, by increasing quantile.
	Quantiles []Quantile

	// Exemplar of a counter. Those of histograms are with their buckets.
	Exemplar *Exemplar
	// Created is when a counter, histogram or summary began, at zero. The zero
	// time: unknown.
	Created time.Time
	// Time is when somebody else took the value, in milliseconds and not before
	// 1970. The zero time, which is right for almost everything: now, at the scrape.
	Time time.Time
}

// Bucket counts the observations at or below a bound.
type Bucket struct {
	UpperBound float64
	Count      uint64 // cumulative: includes the observations of every lower bucket
	Exemplar   *Exemplar
}

// Native are the buckets of a native histogram. Their bounds are the powers of
// 2^(2^-Schema): bucket i holds what is above that to the power of i-1, and at most
// that to the power of i. See
// https://prometheus.io/docs/specs/native_histograms/.
type Native struct {
	Schema        int     // from -4 to 8
	ZeroThreshold float64 // observations of at most this distance from zero are in no bucket
	ZeroCount     uint64  // but counted here

	Positive []NativeBucket // by increasing index, only those that hold something
	Negative []NativeBucket // the same for observations below zero, by their absolute value

	// Exemplars of a histogram that has no other buckets. Only those with a time are
	// exposed.
	Exemplars []Exemplar
}

// NativeBucket counts the observations in one native bucket alone.
type NativeBucket struct {
	Index int
	Count uint64
}

// Exemplar is one event among those that were counted, with labels that lead to it,
// such as the id of its trace.
type Exemplar struct {
	Labels []Label
	Value  float64   // what was added or observed
	Time   time.Time // when; the zero time: unknown
}

// Quantile is the value below which a fraction of the observations lies.
type Quantile struct {
	Quantile float64 // between 0 and 1
	Value    float64 // NaN if nothing was observed
}

// Collector writes values that live elsewhere (in a connection pool, in the
// kernel, in another process) at each scrape.
//
// Collect is called once per scrape and may be called by several scrapes at
// once. It should give up when ctx is done: that is the scraper's own deadline.
// If it returns an error or panics, nothing that it wrote in this call is
// exposed, the error is counted and logged, and the rest of the scrape is served.
// It must not keep out after it returns.
type Collector interface {
	Collect(ctx context.Context, out *Sink) error
}

// Describer is a Collector that says in advance what it will write. The
// registry then checks its names when it is registered, and finds it again by
// its descriptions when an equal collector is unregistered. What a Describer
// writes must match its descriptions.
type Describer interface {
	Collector
	Describe() []Desc
}
