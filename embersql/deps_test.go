// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImports pins what the package imports, so that it brings no modules into a
// service's go.mod, and no weight beside database/sql into its binary.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"cmp", "context", "database/sql", "database/sql/driver", "errors", "fmt", "io", "reflect", "time",
		"github.com/embermetrics/ember", "github.com/embermetrics/ember/metric",
	}, strings.Fields(string(out)))
}
