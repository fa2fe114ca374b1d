// SPDX-License-Identifier: Apache-2.0

package words

import (
	"context"
	"time"

	"github.com/embermetrics/ember/metric"
)

// Dir is a directory in which processes keep the words of their series, as instruments
// and registries see it. It is behind an interface so that only those programs link it
// that use it. Package shared says more of each method.
type Dir interface {
	// Family returns where series of a family get their words: for the same the same.
	Family(f *Family) Writer
	// Attach adds words to the series whose first word is given; nil: there is no place.
	Attach(first *uint64, kind uint16, words int, init ...uint64) []uint64
	// RetireAt makes other processes skip the series whose first word is given, and
	// ReviveAt makes them see it again.
	RetireAt(first *uint64)
	ReviveAt(first *uint64)
	// Publish makes families visible that do not live in words, in the place of those of
	// the call before.
	Publish(families []*metric.Family)

	// Gather returns what all processes have, sorted by name, together with what a process
	// has that only reads, local.
	Gather(ctx context.Context, local []*metric.Family) ([]*metric.Family, error)
	Stats() Stats
	// Writes reports whether this process has a file of its own.
	Writes() bool
	// OnClose makes f be called before the directory is closed.
	OnClose(f func())
}

// Writer hands out the words of series of one family.
type Writer interface {
	// Series returns words, the first of which are given and the others zero, or nil if
	// there is no place.
	Series(values []string, words int, first ...uint64) []uint64
}

// Family is what all series of a family share.
type Family struct {
	metric.Desc
	Bounds    []float64     // of the buckets of a histogram, increasing, without +Inf
	Native    bool          // a histogram also has native buckets
	Quantiles []float64     // of a summary, increasing
	Periods   int           // in the window of its quantiles
	Period    time.Duration // the length of one
}

// How many words series have.
const (
	CounterWords   = 3 // whole, rest bits, created
	GaugeWords     = 3 // bits, time, pid
	HistogramWords = 3 // lock, sum bits; then counts of each bucket alone; created
	SummaryWords   = 5 // lock, count, sum bits, created, base
)

// Stripes is the kind of records that cells spread into.
const Stripes = 3

// Unset are the bits of a gauge that was never set: a NaN that computing does not make.
const Unset = 0x7ff8_656e_6465_6422

// Stats says how a directory fares, as far as this process has seen.
type Stats struct {
	FileErrors         map[string]uint64 // files that could not be read, or not all of them, by reason
	Conflicts          map[string]uint64 // files that say something else of a metric than the newest one, by metric
	SeriesWithoutPlace uint64            // that could not be added to our own file
	SeriesLeftOut      uint64            // of all files, that were beyond the limit
	Live, Dead         int               // files that the last Gather read, the archive aside
	Absorbed           uint64            // files that the archive has everything of
}

// Faults returns how many things have been found wrong so far.
func (s *Stats) Faults() uint64 {
	n := s.SeriesWithoutPlace + s.SeriesLeftOut
	for _, m := range []map[string]uint64{s.FileErrors, s.Conflicts} {
		for _, count := range m {
			n += count
		}
	}
	return n
}

// Open opens a directory with a file for this process, and returns the option that makes
// a registry have it, if the program links what can; otherwise it is nil. It is set before
// main.
var Open func(path string) (option any, err error)
