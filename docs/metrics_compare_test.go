// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// leftOut returns how the sections of a page begin that cannot be compared here, each with
// the reason, and logs them.
func (r *metricsReference) leftOut(t *testing.T, page string) map[string]string {
	all := make(map[string]string)
	version := regexp.MustCompile(`\((go\S+)\)`).FindStringSubmatch(page)
	require.NotNil(t, version, "the page does not say of which Go it is")
	if version[1] != r.Version {
		all["### More of the runtime"] = fmt.Sprintf("it is of %s, and this is %s", version[1], r.Version)
	}
	if r.Multiproc == nil {
		for _, heading := range []string{"## Many processes", "## cmd/ember"} {
			all[heading] = "processes cannot share a directory on " + runtime.GOOS
		}
	}
	if runtime.GOOS != "linux" {
		all["## The process"] = "on " + runtime.GOOS + " there are other metrics"
	} else {
		require.NotNil(t, r.Multiproc)
		require.Len(t, r.Process.metrics, len(r.Systems), "on Linux there are all")
	}
	for heading, reason := range all {
		t.Logf("%s is left out of the comparison: %s", heading, reason)
	}
	return all
}

// comparePages wants two pages to be the same, but for sections that are left out. Of
// those, too, what both have of a metric of the process must be the same.
func comparePages(t testing.TB, was, is string, leftOut map[string]string) {
	want, got := sectionsOf(was), sectionsOf(is)
	var wantPage, gotPage strings.Builder
	for _, side := range []struct {
		sections []string
		page     *strings.Builder
	}{{want, &wantPage}, {got, &gotPage}} {
		for _, section := range side.sections {
			heading, _, _ := strings.Cut(section, "\n")
			if leftOut[heading] != "" {
				section = heading + "\n"
			}
			side.page.WriteString(section)
		}
	}
	if d := lineDiff(wantPage.String(), gotPage.String()); d != "" {
		require.Fail(t, "docs/"+metricsPage+" is not what is exposed (- the page, + exposed)",
			"%s\ngo test ./docs -run TestMetricsReference -update writes it anew", d)
	}
	if leftOut["## The process"] == "" {
		return
	}
	rows := func(sections []string) map[string]string {
		all := make(map[string]string)
		for _, section := range sections {
			for line := range strings.Lines(section) {
				if cells := strings.Fields(line); len(cells) > 1 && strings.HasPrefix(cells[1], "`process_") {
					all[cells[1]] = strings.Join(cells, " ")
				}
			}
		}
		return all
	}
	there := rows(want)
	for name, row := range rows(got) {
		require.Equal(t, there[name], row)
	}
}

// A page is compared in all but what is left out.
func TestComparePages(t *testing.T) {
	const page = "# A\n\nb\n\n## The process\n\n| `process_a`   | x  |\n| `process_b` | y |\n\n## C\n\nd\n"
	for name, tc := range map[string]struct {
		was, is string
		leftOut string
		ok      bool
	}{
		"the same":                   {page, page, "", true},
		"a difference":               {page, strings.Replace(page, "d\n", "e\n", 1), "", false},
		"a section more":             {page, page + "## E\n", "", false},
		"a section less":             {page + "## E\n", page, "", false},
		"left out":                   {page, strings.Replace(page, "d\n", "e\n", 1), "## C", true},
		"left out, another one":      {page, strings.Replace(page, "d\n", "e\n", 1), "## E", false},
		"left out, and gone":         {page, strings.Replace(page, "## C", "## D", 1), "## C", false},
		"fewer of the process":       {page, "# A\n\nb\n\n## The process\n\n| `process_a` | x |\n\n## C\n\nd\n", "## The process", true},
		"of the process, different":  {page, strings.Replace(page, "| x ", "| z ", 1), "## The process", false},
		"of the process, unknown":    {page, strings.Replace(page, "process_b", "process_c", 1), "## The process", false},
		"of the process, or not all": {page, strings.Replace(page, "| x ", "| z ", 1), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.ok, passes(t, func(t testing.TB) {
				comparePages(t, tc.was, tc.is, map[string]string{tc.leftOut: "a reason"})
			}))
		})
	}
}
