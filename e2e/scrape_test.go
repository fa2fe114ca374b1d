// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// value returns the value of a sample as it is scraped, or zero if there is none.
func value(t *testing.T, g ember.Gatherer, sample string) float64 {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	for line := range strings.Lines(b.String()) {
		if text, found := strings.CutPrefix(line, sample+" "); found {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			require.NoError(t, err)
			return v
		}
	}
	return 0
}
