// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}
