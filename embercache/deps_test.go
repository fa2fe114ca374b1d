// SPDX-License-Identifier: Apache-2.0

package embercache_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImports pins what the package imports, so that it brings no modules into a
// service's go.mod, nor weight into its binary.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"cmp", "context", "errors", "time",
		"github.com/embermetrics/ember",
	}, strings.Fields(string(out)))
}
