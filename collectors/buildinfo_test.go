// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

func TestBuildInfoShape(t *testing.T) {
	require.Equal(t, []shape{
		{"go_build_info", metric.Gauge, "", "path,version,checksum,revision,modified"},
	}, shapes(t, collectors.NewBuildInfo()))
}

func TestBuildInfoLabels(t *testing.T) {
	main := debug.Module{Path: "example.org/app", Version: "v1.2.3", Sum: "h1:abc="}
	for name, tc := range map[string]struct {
		info *debug.BuildInfo
		ok   bool
		want [5]string
	}{
		"committed": {
			&debug.BuildInfo{Main: main, Settings: []debug.BuildSetting{
				{Key: "-compiler", Value: "gc"}, {Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "false"},
			}},
			true,
			[5]string{"example.org/app", "v1.2.3", "h1:abc=", "0123abc", "false"},
		},
		"modified": {
			&debug.BuildInfo{Main: debug.Module{Path: "app", Version: "(devel)"}, Settings: []debug.BuildSetting{
				{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "0123abc"},
			}},
			true,
			[5]string{"app", "(devel)", "", "0123abc", "true"},
		},
		"no version control": {&debug.BuildInfo{Main: main}, true, [5]string{"example.org/app", "v1.2.3", "h1:abc=", "", ""}},
		"no build info":      {nil, false, [5]string{"unknown", "unknown", "unknown", "unknown", "unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []metric.Point{{
				Value: 1,
				Labels: []metric.Label{
					{Name: "path", Value: tc.want[0]},
					{Name: "version", Value: tc.want[1]},
					{Name: "checksum", Value: tc.want[2]},
					{Name: "revision", Value: tc.want[3]},
					{Name: "modified", Value: tc.want[4]},
				},
			}}, collect(t, collectors.BuildInfoOf(tc.info, tc.ok))["go_build_info"].Points)
		})
	}
}

func TestBuildInfoOfThisTest(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	labels := collect(t, collectors.NewBuildInfo())["go_build_info"].Points[0].Labels
	require.Equal(t, metric.Label{Name: "path", Value: info.Main.Path}, labels[0])
	require.Equal(t, metric.Label{Name: "version", Value: info.Main.Version}, labels[1])
}
