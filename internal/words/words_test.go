// SPDX-License-Identifier: Apache-2.0

package words_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/words"
)

func TestHalves(t *testing.T) {
	var w [8]uint64
	h := words.Halves(&w)
	for i := range h {
		h[i] = uint32(i + 1)
	}
	// In memory they lie one after the other, whatever the byte order.
	var memory []byte
	for _, v := range w {
		memory = binary.NativeEndian.AppendUint64(memory, v)
	}
	for i := range h {
		require.Equal(t, uint32(i+1), binary.NativeEndian.Uint32(memory[4*i:]))
	}
}

func TestWatch(t *testing.T) {
	var w uint64
	words.Store(&w, 1)
	require.Equal(t, uint64(1), w)
	var seen []uint64
	words.Watch = func() { seen = append(seen, w) }
	defer func() { words.Watch = nil }()
	words.Store(&w, 2)
	w = 3
	words.Stored()
	require.Equal(t, []uint64{2, 3}, seen)
}
