// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every block of text in a guide is what an example writes, or some lines of that; and go
// test wants an example to write what it says.
func TestOutputs(t *testing.T) {
	outputs := exampleOutputs(t)
	blocks := 0
	for _, name := range guides(t) {
		for _, block := range fenced(t, name, "text") {
			blocks++
			found := false
			for _, output := range outputs {
				found = found || strings.Contains("\n"+output, "\n"+block)
			}
			require.True(t, found, "%s: no example writes:\n%s", name, block)
		}
	}
	require.GreaterOrEqual(t, blocks, 10)
}

// guides returns the names of the documents beside this file.
func guides(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	require.NoError(t, err)
	return names
}

// fenced returns the blocks of a language in a document, each with the newline at its end.
func fenced(t *testing.T, document, language string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	var blocks []string
	for _, part := range strings.Split("\n"+string(text), "\n```"+language+"\n")[1:] {
		block, _, ended := strings.Cut(part, "\n```\n")
		require.True(t, ended, "%s: a block has no end:\n%s", document, part)
		blocks = append(blocks, block+"\n")
	}
	return blocks
}

// exampleOutputs returns what the examples write that documents may quote, each with a
// newline at its end: those beside them, and those of all packages.
func exampleOutputs(t *testing.T) []string {
	t.Helper()
	var files []*ast.File
	for _, pattern := range []string{"*_test.go", "../example*_test.go", "../*/example*_test.go"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, names, pattern)
		for _, name := range names {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			require.NoError(t, err)
			files = append(files, file)
		}
	}
	var outputs []string
	for _, e := range doc.Examples(files...) {
		if e.Output != "" {
			outputs = append(outputs, strings.TrimSuffix(e.Output, "\n")+"\n")
		}
	}
	return outputs
}
