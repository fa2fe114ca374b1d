// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVarints(t *testing.T) {
	check := func(v uint64) {
		t.Helper()
		require.Equal(t, binary.AppendUvarint([]byte("x"), v), appendVarint([]byte("x"), v), "%d", v)
	}
	for shift := range 64 {
		for d := range uint64(5) {
			check(1<<shift + d - 2) // wraps around to the largest, too
		}
	}
	check(math.MaxUint64)
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		check(r.Uint64() >> r.UintN(64))
	}
}

// A message may be shorter or longer than was expected.
func TestMessagesMakeRoom(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 200, 1<<14 - 1, 1 << 14, 1<<21 - 1, 1 << 21} {
		content := strings.Repeat("z", size)
		want := append(binary.AppendUvarint([]byte{'x', 7}, uint64(size)), content...)
		for _, long := range []bool{false, true} {
			e := protobufEncoder{output: output{buf: []byte{'x'}}}
			start, stop := e.start, e.stop
			if long {
				start, stop = e.startLong, func(at int) { e.stopLong(at, 2) }
			}
			at := start(7)
			e.buf = append(e.buf, content...)
			stop(at)
			require.True(t, string(want) == string(e.buf), "%d bytes", size)
		}
	}
}

func TestTimesInProtobuf(t *testing.T) {
	for _, seconds := range []int64{0, 1, 127, 128, 1<<28 - 1, 1 << 28, 1_700_000_000, 1<<32 - 1, 1 << 32, math.MaxInt64/1_000_000_000 - 1, -1, -1 << 28, math.MinInt64/1_000_000_000 + 1} {
		for _, nanos := range []int64{0, 1, 127, 128, 1<<28 - 1, 1 << 28, 999_999_999} {
			content := binary.AppendUvarint([]byte{pbTimeSeconds}, uint64(seconds))
			content = binary.AppendUvarint(append(content, pbTimeNanos), uint64(nanos))
			var e protobufEncoder
			e.time(7, seconds*1e9+nanos)
			require.Equal(t, append([]byte{7, byte(len(content))}, content...), e.buf, "%d s and %d ns", seconds, nanos)
		}
	}
}
