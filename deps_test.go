// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImportClosure pins what importing Ember links into a binary beyond the
// standard library, and what of the standard library it must not.
func TestImportClosure(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", ".").Output()
	require.NoError(t, err)
	var others []string
	for line := range strings.Lines(string(out)) {
		standard, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if standard == "false" {
			others = append(others, path)
			continue
		}
		for _, heavy := range []string{"database/sql", "encoding/gob", "encoding/xml", "expvar", "flag", "html/template", "net/http/pprof", "net/rpc", "regexp", "testing", "text/template"} {
			require.NotEqual(t, heavy, path)
		}
	}
	require.ElementsMatch(t, []string{
		"github.com/embermetrics/ember",
		"github.com/embermetrics/ember/collectors",
		"github.com/embermetrics/ember/internal/cell",
		"github.com/embermetrics/ember/internal/childmap",
		"github.com/embermetrics/ember/internal/native",
		"github.com/embermetrics/ember/internal/sketch",
		"github.com/embermetrics/ember/internal/structlabels",
		"github.com/embermetrics/ember/internal/words",
		"github.com/embermetrics/ember/metric",
		"github.com/klauspost/compress/flate",
		"github.com/klauspost/compress/internal/le",
		"github.com/klauspost/compress/internal/regmask",
	}, others)
}
