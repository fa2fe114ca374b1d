// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// FuzzTyped asks for one series with a struct and with what package fmt makes of its
// fields.
func FuzzTyped(f *testing.F) {
	f.Add("", uint64(0), "", int64(0), true)
	f.Add("\xff\"\\", uint64(1000), "a", int64(-1), false)
	f.Add("GET", uint64(math.MaxUint64), "é\n", int64(math.MinInt64), true)
	f.Fuzz(func(t *testing.T, text string, n uint64, w string, i int64, b bool) {
		type mixed struct {
			Text  string
			N     uint64
			Level level
			B     bool
		}
		type wide struct {
			mixed
			Word   word
			Hit    hit
			I      int64
			I32    int32
			I16    int16
			I8     int8
			U8     uint8
			U16    uint16
			U32    uint32
			Toggle toggle
			V      version
			P      byPointer
		}
		m := mixed{text, n, level(i), b}
		l := wide{
			m, word(w), hit(b), i, int32(i), int16(i), int8(i), uint8(n), uint16(n), uint32(n),
			toggle(b),
			version{w, uint16(n), uint16(i), false},
			byPointer(i),
		}
		sameSeries(t, m, formatted(m.Text, m.N, m.Level, m.B))
		sameSeries(t, l, formatted(l.Text, l.N, l.Level, l.B, l.Word, l.Hit, l.I, l.I32, l.I16, l.I8, l.U8, l.U16, l.U32, l.Toggle, l.V, int(l.P)))
		sameSeries(t, struct{ A, B string }{text, w}, []string{text, w})
		sameSeries(t, struct{ A uint64 }{n}, formatted(n))
	})
}

func sameSeries[L comparable](t *testing.T, l L, values []string) {
	v := ember.NewCounterVecOf[L](ember.CounterOpts{Name: "x_total"})
	want := v.Untyped().With(values...)
	for range 3 {
		require.Same(t, want, v.With(l), "%+v is %q", l, values)
	}
	found, ok := v.Lookup(l)
	require.True(t, ok)
	require.Same(t, want, found)
	for met, c := range v.All() {
		require.Same(t, v.With(met), c)
		want = nil
	}
	require.Nil(t, want, "%+v is not met", l)
	require.Equal(t, 1, v.Len())
}
