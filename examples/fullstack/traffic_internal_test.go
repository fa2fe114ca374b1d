// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr traffic
		require.Equal(t, "There were no requests in the last five minutes.", tr.truth().String())
		require.True(t, math.IsNaN(tr.truth().failed))
		add := func(millis int, failed bool) {
			tr.answers = append(tr.answers, answer{at: time.Now(), took: time.Duration(millis) * time.Millisecond, failed: failed})
		}
		add(100, true)
		require.Equal(t, truth{requests: 1, failed: 1, p95: 0.1}, tr.truth())
		for i := range 99 {
			add(1+i, i < 30)
		}
		require.Equal(t, truth{requests: 100, failed: 0.31, p95: 0.095}, tr.truth())
		require.Equal(t, "Of the last five minutes' 100 requests 31.0 % failed, and 95 % took at most 95.0 ms.", tr.truth().String())

		time.Sleep(4 * time.Minute)
		add(1000, false)
		require.Equal(t, 101, tr.truth().requests)
		time.Sleep(61 * time.Second)
		require.Equal(t, truth{requests: 1, failed: 0, p95: 1}, tr.truth(), "the others are older than five minutes")
	})
}
