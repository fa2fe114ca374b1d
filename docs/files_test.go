// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// guides returns the names of the documents beside this file.
func guides(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// fenced returns the blocks of a language in a document, each with the newline at its end.
func fenced(t *testing.T, document, language string) []string {
	t.Helper()
	var blocks []string
	for _, part := range strings.Split("\n"+read(t, document), "\n```"+language+"\n")[1:] {
		block, _, ended := strings.Cut(part, "\n```\n")
		require.True(t, ended, "%s: a block has no end:\n%s", document, part)
		blocks = append(blocks, block+"\n")
	}
	require.Len(t, blocks, strings.Count(read(t, document), "```"+language+"\n"), "%s: a block is indented", document)
	return blocks
}

// write returns the name of a file that has a text.
func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// promtool runs a command of Prometheus' own tool, which must find nothing wrong, and
// returns what it writes. The input may be nil.
func promtool(t *testing.T, input io.Reader, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Stdin = input
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
