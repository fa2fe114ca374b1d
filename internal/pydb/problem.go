// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"fmt"
	"strconv"
)

// Reason is why a file, or a part of it, is not served: one of a few words that do for
// the value of a label. Those that package cellfile has too mean the same there.
type Reason string

// All reasons there are.
const (
	Truncated  Reason = "truncated"   // shorter than it says
	Empty      Reason = "empty"       // no byte in it: its worker was killed as it made it
	Foreign    Reason = "foreign"     // not a file of client_python
	Version    Reason = "version"     // a gauge mode that this package does not know
	ByteOrder  Reason = "byte_order"  // of a machine with the other byte order
	Corrupt    Reason = "corrupt"     // some bytes are not what client_python writes
	NotRegular Reason = "not_regular" // a link, a directory, a pipe, …
	Owner      Reason = "owner"       // belongs to another user
	Vanished   Reason = "vanished"    // deleted since the directory was listed
	Replaced   Reason = "replaced"    // overwritten while it was read
	IO         Reason = "io"          // the system refuses
	Value      Reason = "value"       // a number that a metric of its kind cannot have
	Conflict   Reason = "conflict"    // contradicts other files: type, mode or buckets
	Full       Reason = "full"        // more than this package is ready to hold
)

// Problem says why a file is not served, or not all of it. It is an error, to be logged
// as such.
type Problem struct {
	Path   string
	Reason Reason
	Detail string // what was found, and what should be
	Err    error  // of the system; often nil
	More   int    // how often the same reason was found in the same file besides
}

func (p Problem) Error() string {
	s := fmt.Sprintf("ember: file %q of client_python: %s", p.Path, p.Reason)
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	if p.More > 0 {
		s += " (and " + strconv.Itoa(p.More) + " more)"
	}
	return s
}

// Unwrap returns Err.
func (p Problem) Unwrap() error { return p.Err }

// report notes a problem, or counts it if the file has one for the same reason.
func (d *Dir) report(f *file, p Problem) {
	if i, ok := d.reported(f, p.Reason); ok {
		d.problems[i].More += 1 + p.More
		return
	}
	f.problems = append(f.problems, len(d.problems))
	p.Path = f.path
	d.problems = append(d.problems, p)
}

// repeat counts a problem if the file has one for the same reason. If not, it is to be
// reported: that comes at the price of a text, and some are found thousands of times.
func (d *Dir) repeat(f *file, reason Reason) bool {
	i, ok := d.reported(f, reason)
	if ok {
		d.problems[i].More++
	}
	return ok
}

func (d *Dir) reported(f *file, reason Reason) (i int, ok bool) {
	if f.reported != d.round {
		f.reported, f.problems = d.round, f.problems[:0]
	}
	for _, i := range f.problems {
		if d.problems[i].Reason == reason {
			return i, true
		}
	}
	return 0, false
}
