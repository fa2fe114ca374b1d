// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	code     = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInID  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Each link within the project leads to a file, and to a heading if it names one.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range append(guides(t), filepath.Join("..", "README.md"), filepath.Join("..", "CHANGELOG.md")) {
		text := read(t, page)
		require.NotRegexp(t, `(?m)^(<<<<<<<|>>>>>>>) `, text, "%s has what a merge left", page)
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(path))
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s: %s", page, m[1])
			if anchor != "" {
				require.Contains(t, anchors(read(t, target)), anchor, "%s: %s", page, m[1])
			}
		}
	}
	require.Greater(t, links, 40)
}

// anchors returns the names by which the headings of a page can be linked to: as GitHub
// makes them, in lower case, without punctuation, and with hyphens for spaces.
func anchors(markdown string) (names []string) {
	blocks := regexp.MustCompile("(?s)```.*?```")
	for _, m := range headings.FindAllStringSubmatch(blocks.ReplaceAllString(markdown, ""), -1) {
		names = append(names, strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}
