// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// gzipHeader is all that RFC 1952 wants before the data, of no file and no time.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// gzipWriter frames what package flate compresses. Package gzip of the same module would
// do, but it brings a second compressor, for writers without a state: 22 kB.
type gzipWriter struct {
	to    io.Writer
	flate *flate.Writer
	begun bool
	sum   uint32 // of what was written
	size  uint32 // of it, modulo 2^32
	end   [8]byte
}

func (z *gzipWriter) Reset(w io.Writer) {
	z.flate.Reset(w)
	*z = gzipWriter{to: w, flate: z.flate}
}

func (z *gzipWriter) Write(p []byte) (int, error) {
	if !z.begun {
		z.begun = true
		if _, err := z.to.Write(gzipHeader); err != nil {
			return 0, err
		}
	}
	z.sum = crc32.Update(z.sum, crc32.IEEETable, p)
	z.size += uint32(len(p))
	return z.flate.Write(p)
}

func (z *gzipWriter) Close() error {
	if _, err := z.Write(nil); err != nil { // for the header
		return err
	}
	if err := z.flate.Close(); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(z.end[:4], z.sum)
	binary.LittleEndian.PutUint32(z.end[4:], z.size)
	_, err := z.to.Write(z.end[:])
	return err
}
