// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
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
