// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"strconv"
	"strings"
)

// scale is the ways to write values of one unit, the smallest first.
type scale []struct {
	from  float64 // on
	of    float64
	named string
}

var scales = map[string]scale{
	"sec": {{0, 1e-9, "ns"}, {1e-6, 1e-6, "µs"}, {1e-3, 1e-3, "ms"}, {1, 1, "s"}},
	"B":   {{0, 1, "B"}, {1e4, 1e3, "KB"}, {1e6, 1e6, "MB"}},
	"MiB": {{0, 1, "MiB"}},
	"ms":  {{0, 1, "ms"}},
}

// quantity writes a value with its unit as people do: three digits that count.
func quantity(v float64, unit string) string {
	unit, _, _ = strings.Cut(unit, "/")
	unit = unit[strings.LastIndexByte(unit, '-')+1:]
	ways := scales[unit]
	way := ways[0]
	for _, w := range ways {
		if math.Abs(v) >= w.from {
			way = w
		}
	}
	v /= way.of
	digits := 0
	switch size := math.Abs(v); {
	case size < 9.995:
		digits = 2
	case size < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + way.named
}
