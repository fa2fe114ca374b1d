// SPDX-License-Identifier: Apache-2.0

package metric

import "strconv"

// Mode says how the values that several processes have of one gauge become one, when
// many processes are scraped as one. Kinds other than gauges heed none: totals and
// buckets are added up.
type Mode uint8

// What the modes count are the values that were set or added to. Those of processes that
// have ended count too, unless the mode is a live one.
const (
	// ModeDefault is for gauges that say nothing: ModeLiveSum.
	ModeDefault Mode = iota
	// ModeSum adds the values up.
	ModeSum
	// ModeMax takes the greatest.
	ModeMax
	// ModeMin takes the least.
	ModeMin
	// ModeLatest takes the one that was set last.
	ModeLatest
	// ModeEach leaves them apart: each process has a series, with the label pid. Of
	// processes that have ended there are the newest ones only.
	ModeEach

	// The live modes count the processes that live.
	ModeLiveSum
	ModeLiveMax
	ModeLiveMin
	ModeLiveLatest
	ModeLiveEach

	modes = iota
)

// Valid reports whether m is one of the modes above.
func (m Mode) Valid() bool { return m < modes }

var modeNames = [modes]string{"default", "sum", "max", "min", "latest", "each", "livesum", "livemax", "livemin", "livelatest", "liveeach"}

// String returns the mode's name in lower case and one word.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "Mode(" + strconv.Itoa(int(m)) + ")"
}
