// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The three files that a service needs are whole in the guide, and right.
func TestAlertFiles(t *testing.T) {
	blocks := fenced(t, "alert.md", "yaml")
	dir := filepath.Join("testdata", "alert")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		require.Contains(t, blocks, read(t, filepath.Join(dir, f.Name())), f.Name())
	}

	promtool(t, nil, "check", "config", filepath.Join(dir, "prometheus.yml"))
	promtool(t, nil, "test", "rules", filepath.Join(dir, "shop.rules.test.yml"))
}
