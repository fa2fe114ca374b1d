// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// body is that of a response. It takes note of its end, once.
type body struct {
	io.ReadCloser
	t            *transport
	ctx          context.Context // of the request
	method, host string
	ended        atomic.Bool
}

// newBody returns b with a note of its end taken, and with the same methods, as far as
// packages net/http and io look for any.
func newBody(ctx context.Context, b io.ReadCloser, t *transport, method, host string) io.ReadCloser {
	of := &body{ReadCloser: b, t: t, ctx: ctx, method: method, host: host}
	w, writes := b.(io.Writer)
	_, copies := b.(io.WriterTo)
	c, closes := b.(closeWriter)
	type (
		copying struct {
			*body
			copier
		}
		writing struct {
			*body
			io.Writer
		}
	)
	switch {
	case writes && copies && closes:
		return struct {
			writing
			copier
			closeWriter
		}{writing{of, w}, copier{of}, c}
	case writes && copies:
		return struct {
			writing
			copier
		}{writing{of, w}, copier{of}}
	case writes && closes:
		return struct {
			writing
			closeWriter
		}{writing{of, w}, c}
	case copies && closes:
		return struct {
			copying
			closeWriter
		}{copying{of, copier{of}}, c}
	case writes:
		return writing{of, w}
	case copies:
		return copying{of, copier{of}}
	case closes:
		return struct {
			*body
			closeWriter
		}{of, c}
	}
	return of
}

// closeWriter is how a connection after 101 says that nothing more will come.
type closeWriter interface{ CloseWrite() error }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, err
}

// Close implements io.Closer. It is the end before a Read that it interrupts fails.
func (b *body) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

// copier has what a body has beside its methods if it can write itself.
type copier struct{ of *body }

// WriteTo implements io.WriterTo. Who fails, the body or w, nobody can tell, so it is not
// a response error.
func (c copier) WriteTo(w io.Writer) (int64, error) {
	n, err := c.of.ReadCloser.(io.WriterTo).WriteTo(w)
	c.of.end(nil)
	return n, err
}

// end takes note of the end, which was err. Who cancels a request has no error, but may
// see a cause of their own in its place.
func (b *body) end(err error) {
	if !b.ended.CompareAndSwap(false, true) {
		return
	}
	b.t.inFlight.Dec()
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) && b.ctx.Err() != context.Canceled {
		b.t.broken.With(b.method, b.host).Inc()
	}
}
