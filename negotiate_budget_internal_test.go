// SPDX-License-Identifier: Apache-2.0

//go:build !race

package ember

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNegotiationDoesNotAllocate(t *testing.T) {
	for name, tc := range scrapers {
		t.Run(name, func(t *testing.T) {
			lines := []string{tc.accept}
			require.Zero(t, testing.AllocsPerRun(1000, func() { negotiateFormat(lines, true) }))
		})
	}
	offers := []string{"zstd", "gzip"}
	for _, accept := range []string{"", "gzip", "identity", "zstd,gzip", "gzip, deflate, br, zstd", "*;q=0", `gzip;q="0.5"`} {
		lines := []string{accept}
		require.Zero(t, testing.AllocsPerRun(1000, func() { negotiateEncoding(lines, offers) }), "%q", accept)
	}
}
