// SPDX-License-Identifier: Apache-2.0

package pydb

import "io"

// SetLimit has d read less of all files together.
func (d *Dir) SetLimit(bytes int64) { d.limit = bytes }

// Held returns how many bytes of records, how many families and how many files a Dir
// holds.
func (d *Dir) Held() (bytes int64, families, files int) { return d.bytes, len(d.groups), len(d.files) }

// Reread reads a value until it is what it was before.
var Reread = reread

// ReadUsed reads how much of a file is used, of which some was parsed before.
func ReadUsed(file io.ReaderAt, parsed int64) (int64, error) {
	head, _, err := readHeader(file, parsed)
	return usedOf(head), err
}

// ParseKey parses one key, and says what is wrong with it.
func ParseKey(raw []byte) (family, sample, help string, labels [][2]string, wrong string) {
	var k key
	wrong = k.parse(raw)
	for _, p := range k.labels {
		labels = append(labels, [2]string{string(p.name), string(p.value)})
	}
	return string(k.family), string(k.sample), string(k.help), labels, wrong
}
