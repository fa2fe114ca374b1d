// SPDX-License-Identifier: Apache-2.0

package metric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

func TestModes(t *testing.T) {
	require.Equal(t, metric.ModeDefault, metric.Desc{}.Mode)
	for m, want := range map[metric.Mode]string{
		metric.ModeDefault: "default", metric.ModeSum: "sum", metric.ModeLatest: "latest", metric.ModeEach: "each",
		metric.ModeLiveSum: "livesum", metric.ModeLiveEach: "liveeach", metric.ModeLiveEach + 1: "Mode(11)",
	} {
		require.Equal(t, want, m.String())
		require.Equal(t, m <= metric.ModeLiveEach, m.Valid())
	}
}
