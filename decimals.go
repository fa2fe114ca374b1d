// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Most sums have 16 or 17 digits, and finding them was a tenth of a scrape. Where decimals
// need no exponent, between a thousandth and a million, that takes one product of 128 bits
// and no table: powers of ten up to the 19th are exact in 64 bits. How the shortest number
// of digits is found is Raffaello Giulietti's: "The Schubfach way to render doubles", 2020.

// hasDecimals reports whether appendDecimals may have v, which is no whole number. It
// leaves out powers of two, whose next float64 below is nearer than the next above.
func hasDecimals(v float64) bool {
	return v > 0x1p-10 && v < 1e6 && math.Float64bits(v)&(1<<52-1) != 0
}

// appendDecimals appends v in the shortest decimals that read back as v, and of those
// the nearest to v: as strconv's formats 'f' and 'g' have it.
func appendDecimals(b []byte, v float64) []byte {
	// v is m/2^s, and what reads back as v is up to half of 1/2^s away from it. Of
	// numbers with so many places, one to ten are that near.
	m := math.Float64bits(v)&(1<<52-1) | 1<<52
	s := 1075 - uint(math.Float64bits(v)>>52) // 33 to 62
	places := s*1233>>12 + 1                  // 1233/4096 is a little more than the logarithm of 2
	power := powersOf10[places]

	// So are, as multiples of 1/2^s of the last place, v, the least and the greatest.
	// The ends belong to v if m is even.
	hi, lo := bits.Mul64(m, power)
	reach := power/2 - m&1
	lo1, borrow := bits.Sub64(lo, reach, 0)
	lo2, carry := bits.Add64(lo, reach, 0)
	up := uint64(1)<<s - 1
	lo1, carry1 := bits.Add64(lo1, up, 0)
	least := (hi-borrow+carry1)<<(64-s) | lo1>>s
	n := (hi+carry)<<(64-s) | lo2>>s

	// At most one of them has a place less.
	if tenth := n / 10; tenth*10 >= least {
		n, places, power = tenth, places-1, power/10
	} else {
		lo, carry = bits.Add64(lo, up/2+lo>>s&1, 0) // to the nearest, and if there are two to the even one
		n = (hi+carry)<<(64-s) | lo>>s
	}
	whole := uint64(v) // no whole number but v itself reads back as v
	return appendPlaces(append(appendDigits(b, whole), '.'), n-whole*power, places)
}

// appendPlaces appends n in so many digits, less the zeros that it ends with. It must not
// be zero.
func appendPlaces(b []byte, n uint64, places uint) []byte {
	for places > 8 && n%1e8 == 0 {
		n /= 1e8
		places -= 8
	}
	start := len(b)
	b = append(b, "0000000000000000000"[:places]...)
	at := b[start:]
	for len(at) >= 8 {
		q := n / 1e8
		binary.LittleEndian.PutUint64(at[len(at)-8:], eightDigits(n-q*1e8)|zeros)
		n, at = q, at[:len(at)-8]
	}
	for i := len(at) - 1; i >= 0; i-- {
		q := n / 10
		at[i] = byte('0' + n - q*10)
		n = q
	}
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// eightDigits returns the digits of n, zeros ahead included, the first one in the lowest
// byte: the halves of four digits are divided at once, then the quarters of two.
func eightDigits(n uint64) uint64 {
	q := n / 1e4
	n = q | (n-q*1e4)<<32
	q = n * 10486 >> 20 & 0x0000_007f_0000_007f
	n = q | (n-q*100)<<16
	q = n * 103 >> 10 & 0x000f_000f_000f_000f
	return q | (n-q*10)<<8
}

// zeros make characters of eight digits.
const zeros = 0x3030_3030_3030_3030
