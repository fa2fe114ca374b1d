// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// recorder is all that the middleware knows of one request: one allocation, as part of
// the face that fits the writer which it wraps. It is not used again for another request,
// since handlers leave goroutines behind that still have it.
type recorder struct {
	notes    notes // first; see leadsTo
	w        http.ResponseWriter
	m        *middleware
	outer    *http.Request // as it came
	start    time.Duration // since epoch
	size     int64         // bytes of the response's body
	status   int32         // that was sent; 0: none
	hijacked bool
	returned bool          // the handler did
	body     *countingBody // of inner, if it is to be counted; otherwise nil
	carrier  carrier       // the context of inner
	inner    http.Request  // as the handler gets it
}

// epoch is what times are counted from: a number is shorter than a time.Time.
var epoch = time.Now()

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.w.WriteHeader(status) // which panics if there is no such status
	if r.status == 0 && !r.hijacked && r.isFinal(status) {
		r.status = int32(status)
	}
}

// isFinal reports whether no other status can follow. One of 101 is final only in HTTP/1,
// where it ends what is HTTP.
func (r *recorder) isFinal(status int) bool {
	return status >= 200 || status == http.StatusSwitchingProtocols && r.outer.ProtoMajor < 2
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	r.wrote(int64(n))
	return n, err
}

// wrote counts bytes of the body, or none if it could not be written, the first of which
// make the server send 200.
func (r *recorder) wrote(n int64) {
	r.size += n
	if r.status == 0 && !r.hijacked {
		r.status = http.StatusOK
	}
}

// The following are what the faces have in their methods.

func (r *recorder) closeNotify() <-chan bool { return r.w.(closeNotifier).CloseNotify() }

func (r *recorder) flush() { _ = r.flushError() }

// flushError is what http.ResponseController prefers, and does the same as it would.
func (r *recorder) flushError() (err error) {
	if w, ok := r.w.(errorFlusher); ok {
		err = w.FlushError()
	} else {
		r.w.(http.Flusher).Flush()
	}
	r.flushed(err)
	return err
}

func (r *recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := r.w.(http.Hijacker).Hijack()
	if err == nil {
		r.hijacked = true
	}
	return conn, buffered, err
}

func (r *recorder) push(target string, opts *http.PushOptions) error {
	return r.w.(http.Pusher).Push(target, opts)
}

func (r *recorder) readFrom(src io.Reader) (int64, error) {
	n, err := r.w.(io.ReaderFrom).ReadFrom(src)
	if n > 0 { // otherwise nothing is sent yet
		r.wrote(n)
	}
	return n, err
}

func (r *recorder) writeString(s string) (int, error) {
	n, err := r.w.(io.StringWriter).WriteString(s)
	r.wrote(int64(n))
	return n, err
}

// closeNotifier is http.CloseNotifier, which is deprecated but still there.
type closeNotifier interface{ CloseNotify() <-chan bool }

// What a writer may have beside the methods of http.ResponseWriter: bits of the number of
// the face that has the same. The generator of faces.go knows them too.
const (
	hasCloseNotify = 1 << iota
	hasFlush       // and FlushError
	hasHijack
	hasPush
	hasReadFrom
	hasWriteString
	faces
)

// faceOf returns the number of the face that has the same methods as w.
func faceOf(w http.ResponseWriter) (face int) {
	if _, ok := w.(closeNotifier); ok {
		face |= hasCloseNotify
	}
	if _, ok := w.(http.Flusher); ok {
		face |= hasFlush
	}
	if _, ok := w.(http.Hijacker); ok {
		face |= hasHijack
	}
	if _, ok := w.(http.Pusher); ok {
		face |= hasPush
	}
	if _, ok := w.(io.ReaderFrom); ok {
		face |= hasReadFrom
	}
	if _, ok := w.(io.StringWriter); ok {
		face |= hasWriteString
	}
	return face
}

// maxAnnounced is the most bytes of a body that a header is believed: one that announces
// 2^63 costs a client nothing, and would be all that is left of the sum of sizes.
const maxAnnounced = 1 << 30

// countingBody counts what is read of a body whose length nobody announced, or nobody
// believes.
type countingBody struct {
	io.ReadCloser
	of *recorder
	n  atomic.Int64 // read by the recorder's goroutine, while others may still read the body
}

// Read implements io.Reader.
func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.n.Add(int64(n))
	}
	if err == io.EOF && b.of.outer.Trailer != nil && b.of.inner.Trailer == nil {
		// The server has put those that nobody announced in the original. Where there are
		// none nothing is written, for others may copy the request meanwhile.
		b.of.inner.Trailer = b.of.outer.Trailer
	}
	return n, err
}

// open makes r ready for a request.
func (r *recorder) open(m *middleware, w http.ResponseWriter, of *http.Request) {
	r.w, r.m, r.outer = w, m, of
	r.carrier = carrier{of.Context(), &r.notes}
	r.inner = *of.WithContext(&r.carrier)
	if (of.ContentLength < 0 || of.ContentLength > maxAnnounced) && of.Body != nil {
		r.body = &countingBody{ReadCloser: of.Body, of: r}
		r.inner.Body = r.body
	}
	r.start = time.Since(epoch)
}

// close is deferred while the handler runs.
func (r *recorder) close() {
	took := time.Since(epoch) - r.start
	r.m.inFlight.Dec()
	if r.returned {
		r.giveBack()
		r.m.record(r, r.finalStatus(), took)
		return
	}
	// The panic goes on, also if a hook panics too; the stack that the server logs has its
	// origin.
	cause := recover()
	if cause != nil { // otherwise it is runtime.Goexit
		defer panic(cause)
	}
	status := http.StatusInternalServerError
	if cause == http.ErrAbortHandler && r.clientGone() {
		status = statusClientGone
	}
	r.giveBack()
	r.m.record(r, status, took)
}

// finalStatus returns the status of a request whose handler returned.
func (r *recorder) finalStatus() int {
	switch {
	case r.status != 0:
		return int(r.status)
	case r.hijacked:
		return http.StatusSwitchingProtocols
	case r.clientGone():
		return statusClientGone
	default:
		return http.StatusOK
	}
}

func (r *recorder) clientGone() bool { return r.outer.Context().Err() == context.Canceled }

// giveBack lets those outside see what handlers leave in requests: the pattern, and the
// forms, of which the server removes the files.
func (r *recorder) giveBack() {
	from, to := &r.inner, r.outer
	if from.Pattern != to.Pattern {
		to.Pattern = from.Pattern
	}
	if from.Form != nil && to.Form == nil {
		to.Form, to.PostForm = from.Form, from.PostForm
	}
	if from.MultipartForm != nil && to.MultipartForm == nil {
		to.MultipartForm = from.MultipartForm
	}
}

// requestSize returns the bytes of the request's body: as announced, or else as read.
func (r *recorder) requestSize() int64 {
	if r.body != nil {
		return r.body.n.Load()
	}
	return max(r.outer.ContentLength, 0)
}

// responseSize returns the bytes of the response's body.
func (r *recorder) responseSize() int64 {
	if r.outer.Method == http.MethodHead {
		return 0 // the server drops them
	}
	return r.size
}
