// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Encoding is a content coding that a handler can offer beside gzip. The zero value
// is none. Package github.com/embermetrics/ember/zstd has one.
type Encoding struct {
	// Name is the coding's name in Accept-Encoding and Content-Encoding, such as
	// "zstd".
	Name string

	// NewWriter makes a compressor. It is called by several scrapes at once. Each
	// compressor serves one response at a time and many one after the other; it is
	// reset before each, also after one that was not written to the end.
	NewWriter func() EncodingWriter
}

// EncodingWriter compresses what is written to it. Close ends the compressed
// stream, not the writer beneath. Reset drops everything that was not written yet,
// and starts a new stream to another writer.
type EncodingWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// coding is an Encoding with its idle compressors.
type coding struct {
	name string
	idle sync.Pool // of EncodingWriter
}

func newCoding(e Encoding) *coding {
	return &coding{name: e.Name, idle: sync.Pool{New: func() any { return e.NewWriter() }}}
}

// gzipLevel makes answers a little smaller than level 1 of the standard library does, for
// all formats, at a tenth more time than the level that costs least, whose answers are up
// to 5 % larger. Higher levels save little on metrics.
const gzipLevel = 2

// gzipCoding is what all handlers offer.
var gzipCoding = newCoding(Encoding{Name: "gzip", NewWriter: func() EncodingWriter {
	w, err := flate.NewWriter(io.Discard, gzipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return &gzipWriter{flate: w}
}})

// compress hands a compressor that writes to w to write, and ends the stream unless
// that fails.
func (c *coding) compress(w io.Writer, write func(io.Writer) error) error {
	z := c.idle.Get().(EncodingWriter)
	z.Reset(w)
	defer func() {
		z.Reset(io.Discard) // let go of w
		c.idle.Put(z)
	}()
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

// checkEncodings returns what is wrong with the encodings of a handler.
func checkEncodings(encodings []Encoding) error {
	for i, e := range encodings {
		switch {
		case !isToken(e.Name) || e.Name == "*" || strings.EqualFold(e.Name, "identity"):
			return errorf("ember: encoding %d cannot be called %q", i, e.Name)
		case e.NewWriter == nil:
			return errorf("ember: encoding %q has no NewWriter", e.Name)
		}
		for j, other := range encodings[:i] {
			if strings.EqualFold(e.Name, other.Name) {
				return errorf("ember: encodings %d and %d are both called %q", j, i, e.Name)
			}
		}
	}
	return nil
}

// isToken says whether s can be a name in a header, by RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
