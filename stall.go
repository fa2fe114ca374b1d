// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"net/http"
	"time"
)

// stallLimit is how long a client may take nothing of a response before it is given
// up. Without a limit, one that vanished or that reads a byte a minute would keep its
// goroutine, its buffers and its place among the scrapes in flight.
const stallLimit = 30 * time.Second

// stallWriter gives up on clients that stall, where the server does not: a server
// with a WriteTimeout has a deadline already, which is left alone.
type stallWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController // nil: the connection has a deadline, or cannot have any
}

func newStallWriter(w http.ResponseWriter, r *http.Request) *stallWriter {
	s := &stallWriter{w: w}
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout <= 0 {
		s.control = http.NewResponseController(w)
	}
	return s
}

// Write writes p, or fails when the client has taken nothing for stallLimit.
func (s *stallWriter) Write(p []byte) (int, error) {
	if s.control != nil && s.control.SetWriteDeadline(time.Now().Add(stallLimit)) != nil {
		s.control = nil
	}
	return s.w.Write(p)
}

// done leaves the connection as it was, for the requests that come after this one.
func (s *stallWriter) done() {
	if s.control != nil {
		_ = s.control.SetWriteDeadline(time.Time{})
	}
}
