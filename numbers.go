// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// appendFloat appends v in the shortest form that reads back as v, as
// strconv's format 'g' has it: byte for byte what Go programs have always
// exposed. Whole numbers take a short cut.
func appendFloat(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v && n < 1<<53 && n > -1<<53 && (n != 0 || !math.Signbit(v)) {
		if n < 0 {
			return appendWhole(append(b, '-'), uint64(-n))
		}
		if n < 1e6 {
			return appendDigits(b, uint64(n)) // a call less
		}
		return appendWhole(b, uint64(n))
	}
	if a := math.Abs(v); hasDecimals(a) {
		if v < 0 {
			b = append(b, '-')
		}
		return appendDecimals(b, a)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendRealFloat is appendFloat for readers that take only what has a point or an
// exponent for a float, as OpenMetrics 1.0.0 has it.
func appendRealFloat(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v && n < 1e6 && n > -1e6 && (n != 0 || !math.Signbit(v)) {
		if n < 0 {
			b, n = append(b, '-'), -n
		}
		return append(appendDigits(b, uint64(n)), '.', '0')
	}
	if hasDecimals(v) {
		return appendDecimals(b, v)
	}
	start := len(b)
	b = appendFloat(b, v)
	for _, c := range b[start:] {
		switch c {
		case '.', 'e', 'N', 'I':
			return b
		}
	}
	return append(b, '.', '0')
}

// appendCount appends n as the float64 that a reader of Prometheus' text format
// makes of it.
func appendCount(b []byte, n uint64) []byte {
	if n < 1<<53 {
		return appendWhole(b, n)
	}
	return strconv.AppendFloat(b, float64(n), 'g', -1, 64)
}

// appendWhole appends a whole number that float64 holds exactly. From seven digits
// on, 'g' writes an exponent. No digits shorter than n's own, less trailing zeros,
// read back as n.
func appendWhole(b []byte, n uint64) []byte {
	if n < 1e6 {
		return appendDigits(b, n)
	}
	start := len(b)
	b = appendDigits(append(b, 0), n) // one byte ahead for the point
	exponent := len(b) - start - 2
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	b[start] = b[start+1]
	if len(b) == start+2 {
		b = b[:start+1]
	} else {
		b[start+1] = '.'
	}
	b = append(b, 'e', '+', byte('0'+exponent/10), byte('0'+exponent%10))
	return b
}

// appendDigits is strconv.AppendUint to base 10, which scrapes spend much of their time
// with: eight digits are found at once, whatever their number.
func appendDigits(b []byte, n uint64) []byte {
	if n < 10 {
		return append(b, byte('0'+n))
	}
	if n >= 1e8 {
		q := n / 1e8
		return binary.LittleEndian.AppendUint64(appendDigits(b, q), eightDigits(n-q*1e8)|zeros)
	}
	digits := eightDigits(n)
	ahead := bits.TrailingZeros64(digits) / 8
	return binary.LittleEndian.AppendUint64(b, (digits|zeros)>>(uint(8*ahead)&63))[:len(b)+8-ahead]
}

var powersOf10 = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// appendSeconds appends milliseconds as seconds in plain decimals: 1700000000.5.
func appendSeconds(b []byte, millis int64) []byte {
	if millis < 0 {
		b = append(b, '-')
	}
	n := uint64(millis)
	if millis < 0 {
		n = -n
	}
	b = strconv.AppendUint(b, n/1000, 10)
	if n %= 1000; n != 0 {
		b = append(b, '.', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// numberLabels are the labels of a histogram's buckets or a summary's quantiles,
// as the two kinds of text formats spell them, each with what comes between the last label
// of a line and the value: le="1"} and le="1.0"} and a space.
type numberLabels struct {
	text, open []string
}

// newNumberLabels renders a label for each number.
func newNumberLabels(name string, numbers []float64) numberLabels {
	var l numberLabels
	for _, v := range numbers {
		label := append([]byte(name), `="`...)
		text := string(append(appendFloat(label, v), "\"} "...))
		open := string(append(appendRealFloat(label, v), "\"} "...))
		if open == text {
			open = text // one string is enough
		}
		l.text, l.open = append(l.text, text), append(l.open, open)
	}
	return l
}

func (l numberLabels) none() bool { return l.text == nil }
