// SPDX-License-Identifier: Apache-2.0

//go:build !race

package ember_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// Asking for a series with a struct allocates nothing, whatever its fields are, also if
// the strings in it were built for the call.
func TestTypedLookupsDoNotAllocate(t *testing.T) {
	type texts struct{ A, B, C string }
	type numbers struct {
		A, B int64
		C    uint64
	}
	type mixed struct {
		Path   string
		Status int
		State  state
		Hit    bool
	}
	type wide struct {
		mixed
		common
		I8    int8
		I16   int16
		I32   int32
		U8    uint8
		U16   uint16
		U64   uint64
		Level level
		On    toggle
		Last  string
	}
	text := ember.NewCounterVecOf[texts](ember.CounterOpts{Name: "x_total"})
	number := ember.NewGaugeVecOf[numbers](ember.GaugeOpts{Name: "x"})
	mix := ember.NewHistogramVecOf[mixed](ember.HistogramOpts{Name: "x"})
	all := ember.NewSummaryVecOf[wide](ember.SummaryOpts{Name: "x"})
	curried, err := ember.CurryHistogramVec[struct {
		Status uint16
		Path   string
	}](mix, struct {
		Hit   bool
		State string
	}{true, "busy"})
	require.NoError(t, err)
	b := []byte("/users/1234567890")
	for name, f := range map[string]func(){
		"strings":          func() { text.With(texts{"GET", "/", "x"}).Inc() },
		"strings, built":   func() { text.With(texts{string(b[:3]), string(b), string(b[4:])}).Inc() },
		"strings, escaped": func() { text.With(texts{"\n", string(b), "x"}).Inc() },
		"numbers, small":   func() { number.With(numbers{1, 22, 333}).Inc() },
		"numbers, large":   func() { number.With(numbers{-1, math.MinInt64, math.MaxUint64}).Inc() },
		"mixed":            func() { mix.With(mixed{"/", 200, busy, true}).Observe(1) },
		"mixed, built":     func() { mix.With(mixed{string(b), 200, busy, true}).Observe(1) },
		"mixed, large":     func() { mix.With(mixed{string(b), 20_000, idle, false}).Observe(1) },
		"curried": func() {
			curried.With(struct {
				Status uint16
				Path   string
			}{200, string(b)}).Observe(1)
		},
		"curried, large": func() {
			curried.With(struct {
				Status uint16
				Path   string
			}{2000, string(b)}).Observe(1)
		},
		"Lookup":          func() { mix.Lookup(mixed{string(b), 200, busy, true}) },
		"Lookup, no such": func() { mix.Lookup(mixed{string(b), 204, busy, true}) },
		"Lookup, strings": func() { text.Lookup(texts{string(b[:3]), string(b), string(b[4:])}) },
		"Delete, no such": func() { mix.Delete(mixed{string(b), 204, busy, true}) },
		"all kinds":       func() { all.With(wide{mixed: mixed{Path: string(b)}, Last: string(b[1:])}).Observe(1) },
		"all kinds, extreme": func() {
			all.With(wide{mixed{string(b), -1, busy, true}, common{string(b), 1 << 31, time.Second}, -128, -1, -1, 255, 65535, math.MaxUint64, -5, true, string(b)}).Observe(1)
		},
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// What a String method that is not of a number costs beside what it does itself.
func TestTypedStringersAllocateLittle(t *testing.T) {
	v := ember.NewCounterVecOf[struct{ K kept3 }](ember.CounterOpts{Name: "x_total"})
	l := struct{ K kept3 }{kept3{1, 2}}
	v.With(l)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { v.With(l).Inc() }), 4.0)
}

type kept3 struct{ a, b int }

func (kept3) String() string { return "constant" }
