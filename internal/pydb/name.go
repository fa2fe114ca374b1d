// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"fmt"
	"strings"

	"github.com/embermetrics/ember/metric"
)

const suffix = ".db"

// mode is how the gauges of several processes become one.
type mode uint8

const (
	noMode mode = iota // not a gauge
	modeAll
	modeMin
	modeMax
	modeSum
	modeMostRecent
)

// modes are the names of the modes. With "live" before it, a mode is the same as without,
// but that client_python removes the files of processes that are marked as dead.
var modes = [...]string{modeAll: "all", modeMin: "min", modeMax: "max", modeSum: "sum", modeMostRecent: "mostrecent"}

func (m mode) String() string { return modes[m] }

// origin is what the name of a file says.
type origin struct {
	kind metric.Kind
	mode mode
	live bool
	pid  string // or whatever identifies the process
}

// parseName parses the name of a file: KIND_PID.db, or gauge_MODE_PID.db.
// KIND and MODE are known; otherwise the problem has a reason.
func parseName(name string) (o origin, p Problem) {
	kind, rest, ok := strings.Cut(strings.TrimSuffix(name, suffix), "_")
	switch kind {
	case "counter":
		o.kind = metric.Counter
	case "histogram":
		o.kind = metric.Histogram
	case "summary":
		o.kind = metric.Summary
	case "gauge":
		o.kind = metric.Gauge
		var mode string
		if mode, rest, ok = strings.Cut(rest, "_"); ok {
			if o.mode, o.live = parseMode(mode); o.mode == noMode {
				return o, Problem{Reason: Version, Detail: fmt.Sprintf("has gauges of the mode %q, should be of one that is known", mode)}
			}
		}
	default:
		ok = false
	}
	if !ok || rest == "" {
		return o, Problem{Reason: Foreign, Detail: fmt.Sprintf("is called %q, should be called counter, gauge_MODE, histogram or summary, with a process", name)}
	}
	o.pid = strings.ToValidUTF8(rest, "\uFFFD")
	return o, p
}

func parseMode(s string) (m mode, live bool) {
	s, live = strings.CutPrefix(s, "live")
	for m := modeAll; int(m) < len(modes); m++ {
		if modes[m] == s {
			return m, live
		}
	}
	return noMode, false
}
