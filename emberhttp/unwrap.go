// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"bufio"
	"errors"
	"net"
	"net/http"
)

// unwrapper is how http.ResponseController gets from a writer to the one that it wraps.
type unwrapper interface{ Unwrap() http.ResponseWriter }

// Unwrap returns the writer that http.ResponseController finds the rest of its methods in:
// the one that r wraps. If that one has no Flush or Hijack, but another that it leads to
// has, what is returned stands between and records that they are called.
func (r *recorder) Unwrap() http.ResponseWriter {
	if _, ok := r.w.(unwrapper); !ok {
		if _, ok := r.w.(errorFlusher); !ok {
			return r.w
		}
	}
	_, flushes := r.w.(http.Flusher) // as does the face then
	_, hijacks := r.w.(http.Hijacker)
	flushes = !flushes && (leads[http.Flusher](r.w) || leads[errorFlusher](r.w))
	hijacks = !hijacks && leads[http.Hijacker](r.w)
	b := beneath{r.w}
	switch {
	case flushes && hijacks:
		return struct {
			beneath
			flusherBeneath
			hijackerBeneath
		}{b, flusherBeneath{r}, hijackerBeneath{r}}
	case flushes:
		return struct {
			beneath
			flusherBeneath
		}{b, flusherBeneath{r}}
	case hijacks:
		return struct {
			beneath
			hijackerBeneath
		}{b, hijackerBeneath{r}}
	}
	return r.w
}

// leads reports whether w, or a writer that it unwraps to, is a T.
func leads[T any](w http.ResponseWriter) bool {
	for {
		if _, ok := w.(T); ok {
			return true
		}
		u, ok := w.(unwrapper)
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}

// errorFlusher is what http.ResponseController prefers to http.Flusher.
type errorFlusher interface{ FlushError() error }

// beneath stands between a recorder and the writer that it wraps.
type beneath struct{ http.ResponseWriter }

// Unwrap is what http.ResponseController calls.
func (b beneath) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// The methods that one beneath has besides.
type (
	flusherBeneath  struct{ r *recorder }
	hijackerBeneath struct{ r *recorder }
)

// FlushError is what http.ResponseController calls.
func (f flusherBeneath) FlushError() error {
	err := http.NewResponseController(f.r.w).Flush()
	f.r.flushed(err)
	return err
}

// Flush implements http.Flusher.
func (f flusherBeneath) Flush() { _ = f.FlushError() }

// Hijack implements http.Hijacker.
func (h hijackerBeneath) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.r.w).Hijack()
	if err == nil {
		h.r.hijacked = true
	}
	return conn, buffered, err
}

// flushed records that a flush, which makes the server send 200, returned err.
func (r *recorder) flushed(err error) {
	if !errors.Is(err, http.ErrNotSupported) { // otherwise nothing was sent
		r.wrote(0)
	}
}
