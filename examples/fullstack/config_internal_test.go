// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteConfig(t *testing.T) {
	for name, native := range map[string]bool{"with a feature flag": false, "with a setting": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, writeConfig(dir, "", "[::1]:4711", native))
			rules, err := shipped.ReadFile(rulesFile)
			require.NoError(t, err)
			require.Equal(t, string(rules), readFile(t, dir, rulesFile))
			require.Equal(t, native, strings.Contains(readFile(t, dir, configFile), "\n  scrape_native_histograms: true\n"))
			require.Contains(t, readFile(t, dir, configFile), `targets: ["[::1]:4711"]`)
		})
	}
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(b)
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]bool{
		"prometheus, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0+ds-5)\n  go version:       go1.19.8\n": false,
		"prometheus, version 3.7.3 (branch: HEAD)":  false,
		"prometheus, version 3.8.0 (branch: HEAD)":  true,
		"prometheus, version 3.16.0 (branch: HEAD)": true,
		"prometheus, version 4.0.1 (branch: HEAD)":  true,
		"prometheus, version  (branch: )":           false,
		"":                                          false,
	} {
		require.Equal(t, want, isFrom38(text), text)
	}
}
