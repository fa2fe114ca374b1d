// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// every is a writer that has every method, and says which was called.
type every struct {
	http.ResponseWriter
	called string
}

var errEvery = errors.New("test: every")

func (e *every) CloseNotify() <-chan bool { e.called += "CloseNotify "; return nil }
func (e *every) Flush()                   { e.called += "Flush " }
func (e *every) FlushError() error        { e.called += "FlushError "; return errEvery }
func (e *every) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	e.called += "Hijack "
	return nil, nil, errEvery
}

func (e *every) Push(target string, _ *http.PushOptions) error {
	e.called += "Push " + target + " "
	return errEvery
}

func (e *every) ReadFrom(r io.Reader) (int64, error) {
	e.called += "ReadFrom "
	n, _ := io.Copy(io.Discard, r)
	return n, errEvery
}

func (e *every) WriteString(s string) (int, error) {
	e.called += "WriteString "
	return len(s), errEvery
}

// TestFaces holds that a wrapped writer has the methods of what it wraps, no more and no
// fewer, in all 64 combinations, and that each calls that of what it wraps.
func TestFaces(t *testing.T) {
	m := &middleware{}
	for number := range int(faces) {
		inner := &every{ResponseWriter: httptest.NewRecorder()}
		// The faces themselves are writers with every combination of methods.
		wrapped, rec := newFace(number)
		rec.open(m, inner, httptest.NewRequest("GET", "/", nil))
		require.Equal(t, number, faceOf(wrapped))

		outer, rec2 := newFace(faceOf(wrapped))
		rec2.open(m, wrapped, httptest.NewRequest("GET", "/", nil))
		require.Equal(t, number, faceOf(outer))
		next := outer.(unwrapper).Unwrap()
		if number&hasFlush == 0 || number&hasHijack == 0 { // which inner has
			require.NotEqual(t, wrapped, next)
			next = next.(unwrapper).Unwrap()
		}
		require.Same(t, wrapped, next)

		want := ""
		call := func(bit int, name string, f func() error) {
			if number&bit == 0 {
				return
			}
			want += name + " "
			err := f()
			require.True(t, err == nil || err == errEvery)
			require.Equal(t, want, inner.called)
		}
		call(hasCloseNotify, "CloseNotify", func() error { outer.(closeNotifier).CloseNotify(); return nil })
		call(hasHijack, "Hijack", func() error { _, _, err := outer.(http.Hijacker).Hijack(); return err })
		require.Zero(t, rec2.status) // nothing was sent so far, and hijacking failed
		require.False(t, rec2.hijacked)
		call(hasFlush, "FlushError", func() error { outer.(http.Flusher).Flush(); return nil })
		call(hasFlush, "FlushError", func() error { return http.NewResponseController(outer).Flush() })
		_, ok := outer.(interface{ FlushError() error })
		require.Equal(t, number&hasFlush != 0, ok)
		call(hasPush, "Push /x", func() error { return outer.(http.Pusher).Push("/x", nil) })
		call(hasReadFrom, "ReadFrom", func() error {
			n, err := outer.(io.ReaderFrom).ReadFrom(strings.NewReader("1234"))
			require.EqualValues(t, 4, n)
			return err
		})
		call(hasWriteString, "WriteString", func() error {
			n, err := io.WriteString(outer, "56")
			require.Equal(t, 2, n)
			return err
		})
		size := 0
		if number&hasReadFrom != 0 {
			size += 4
		}
		if number&hasWriteString != 0 {
			size += 2
		}
		require.EqualValues(t, size, rec2.size)
		require.EqualValues(t, size, rec.size)
		if number&(hasFlush|hasReadFrom|hasWriteString) != 0 {
			require.EqualValues(t, 200, rec2.status)
		}
	}
}

// Without FlushError there is Flush.
func TestFlushWithoutError(t *testing.T) {
	inner := httptest.NewRecorder() // which has no FlushError
	outer, rec := newFace(faceOf(inner))
	rec.open(&middleware{}, inner, httptest.NewRequest("GET", "/", nil))
	require.NoError(t, http.NewResponseController(outer).Flush())
	require.True(t, inner.Flushed)
	require.EqualValues(t, 200, rec.status)
}

func TestStatusLabel(t *testing.T) {
	for status := range 1200 {
		require.Equal(t, strconv.Itoa(status), statusLabel(status))
	}
}
