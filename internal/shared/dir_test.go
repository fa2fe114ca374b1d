// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCounterOfTwo(t *testing.T) {
	path := newPath(t)
	a, b := openDir(t, path), openDir(t, path)
	s := add(t, a, counter("x_total", "l"), "1")
	s.inc(3)
	s.setFloat(1, 0.5)
	add(t, b, counter("x_total", "l"), "1").inc(4)
	add(t, b, counter("x_total", "l"), "2").inc(1)
	h := histogram("h", []float64{1, 2})
	add(t, a, h).observe(0, 0.5)
	add(t, b, h).observe(2, 5)
	want := []string{`h n=2 sum=5.5 1:1 2:1`, `x_total{l="1"} 7.5`, `x_total{l="2"} 1`}
	require.Equal(t, want, gathered(t, a))
	require.Equal(t, want, gathered(t, b))
	require.NoError(t, b.Close())
	require.Equal(t, want, gathered(t, a))
	require.Equal(t, 1, files(t, path))
	require.Equal(t, want, gathered(t, a))
	st := a.Stats()
	require.Equal(t, 1, st.Live)
	require.EqualValues(t, 1, st.Absorbed)
	require.Zero(t, st.Dead)
}
