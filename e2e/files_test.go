// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readText returns a file of the repository.
func readText(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	require.NoError(t, err)
	return string(b)
}

// fenced returns the blocks of a language in a document.
func fenced(t *testing.T, markdown, language string) []string {
	t.Helper()
	var blocks []string
	for _, part := range strings.Split(markdown, "```"+language+"\n")[1:] {
		text, _, ok := strings.Cut(part, "```\n")
		require.True(t, ok)
		blocks = append(blocks, text)
	}
	return blocks
}
