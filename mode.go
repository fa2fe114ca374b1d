// SPDX-License-Identifier: Apache-2.0

package ember

import "github.com/embermetrics/ember/metric"

// Mode says how the values that several processes have of one gauge become one, where
// many processes are scraped as one; see WithMultiproc. The live modes count the
// processes that live, the others also what those that have ended left. Gauges that were
// never set are left out.
//
// Processes that live and have the same id, as in containers, are told apart: the oldest
// one has its id for the label pid, and each other one the id and eight digits of its own,
// such as "1-5f0c33ab". Of processes with the same id that have ended, the newest one's
// series is left, while none of them lives.
type Mode = metric.Mode

const (
	ModeDefault    = metric.ModeDefault    // ModeLiveSum
	ModeSum        = metric.ModeSum        // all values added up
	ModeMax        = metric.ModeMax        // the greatest
	ModeMin        = metric.ModeMin        // the least
	ModeLatest     = metric.ModeLatest     // the one that was set last
	ModeEach       = metric.ModeEach       // a series for each process, with the label pid
	ModeLiveSum    = metric.ModeLiveSum    // as above
	ModeLiveMax    = metric.ModeLiveMax    // as above
	ModeLiveMin    = metric.ModeLiveMin    // as above
	ModeLiveLatest = metric.ModeLiveLatest // as above
	ModeLiveEach   = metric.ModeLiveEach   // as above
)

// dates reports whether gauges note when they are updated.
func (d *definition) dates() bool { return d.Mode == ModeLatest || d.Mode == ModeLiveLatest }
