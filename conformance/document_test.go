// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the lists of docs/formats.md anew")

// What is accepted is in the documents, with its reason.
func TestDocument(t *testing.T) {
	const file, mark = "../docs/formats.md", "-update writes it anew -->\n"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	head, _, ok := strings.Cut(string(data), mark)
	require.True(t, ok)
	want := head + mark + lists()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(data), "go test -run Document . -update")
}

func lists() string {
	var b strings.Builder
	row := func(cells ...string) {
		for _, c := range cells {
			fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(c, "|", `\|`))
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n### What a judge reads otherwise, or refuses\n\n")
	row("What", "Judge", "Why")
	b.WriteString("|---|---|---|\n")
	for _, d := range differences {
		row(d.name, d.judge, d.reason)
	}
	b.WriteString("\n### What prometheus/common writes otherwise\n\n")
	row("What", "Why")
	b.WriteString("|---|---|\n")
	for _, o := range omissions {
		row(o.name, o.reason)
	}
	b.WriteString("\n### Good expositions of the corpus that no registry can have\n\n")
	row("Case", "Why")
	b.WriteString("|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(unbuildable)) {
		row("`"+name+"`", unbuildable[name])
	}
	b.WriteString("\n### Bad expositions of the corpus that Ember writes\n\n")
	row("Case", "Why")
	b.WriteString("|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(fates)) {
		if fates[name].exempt != "" {
			row("`"+name+"`", fates[name].exempt)
		}
	}
	return b.String()
}
