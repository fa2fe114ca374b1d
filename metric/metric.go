// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"context"
	"strconv"
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
)

var kindNames = [...]string{"unknown", "counter", "gauge", "histogram", "summary"}

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
	Points []Point
}

// Point is the value of one series at one moment. Which fields are meant
// depends on the family's kind; the others are zero.
type Point struct {
	Labels []Label

	// Value of a counter, gauge or unknown.
	Value float64

	// Count and Sum of a histogram's or summary's observations.
	Count uint64
	Sum   float64

	// Buckets of a histogram, by increasing upper bound. The bucket for +Inf may
	// be left out: it holds Count.
	Buckets []Bucket
	// Quantiles of a summary, by increasing quantile.
	Quantiles []Quantile
}

// Bucket counts the observations at or below a bound.
type Bucket struct {
	UpperBound float64
	Count      uint64 // cumulative: includes the observations of every lower bucket
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
