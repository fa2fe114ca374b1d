// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"errors"
	"fmt"
)

// ErrFull is what the errors of Add match that are about Limits. They are of type
// *FullError.
var ErrFull = errors.New("ember: cell file is full")

// ErrClosed is what the errors of Add match once the file is closed.
var ErrClosed = errors.New("ember: cell file is closed")

// FullError says that a record would exceed one of the Limits.
type FullError struct {
	Path  string
	What  string // "bytes" or "records"
	Need  int64  // how many there would be
	Limit int64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("ember: cell file %q: %d %s would exceed the limit of %d", e.Path, e.Need, e.What, e.Limit)
}

// Is reports whether target is ErrFull.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// Reason is why a file, or a part of it, cannot be read: one of a few words that do
// for the value of a label.
type Reason string

// All reasons there are.
const (
	Truncated  Reason = "truncated"   // shorter than it says
	Empty      Reason = "empty"       // no byte in it
	Foreign    Reason = "foreign"     // not a cell file
	Version    Reason = "version"     // a layout that this package does not know
	ByteOrder  Reason = "byte_order"  // of a machine with the other byte order
	Corrupt    Reason = "corrupt"     // some bits are not what was written
	NotRegular Reason = "not_regular" // a link, a directory, a pipe, …
	Owner      Reason = "owner"       // belongs to another user
	Vanished   Reason = "vanished"    // not there, or deleted while it was open
	Replaced   Reason = "replaced"    // overwritten by another file while it was open
	IO         Reason = "io"          // the system refuses
)

// ReadError says why a file cannot be read, or not as far as it should.
type ReadError struct {
	Path   string
	Reason Reason
	Detail string // what was found, and what should be
	Err    error  // of the system; often nil
}

func (e *ReadError) Error() string {
	s := fmt.Sprintf("ember: cell file %q: %s", e.Path, e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *ReadError) Unwrap() error { return e.Err }
