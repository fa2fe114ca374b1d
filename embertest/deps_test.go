// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImports pins what the package imports beyond the standard library, so that it
// brings no modules into a service's go.mod that Ember does not.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	require.NoError(t, err)
	var others []string
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSpace(path); strings.Contains(path, ".") {
			others = append(others, path)
		}
	}
	require.ElementsMatch(t, []string{
		"github.com/embermetrics/ember",
		"github.com/embermetrics/ember/internal/native",
		"github.com/embermetrics/ember/metric",
	}, others)
}
