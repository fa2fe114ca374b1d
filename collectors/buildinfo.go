// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"context"
	"runtime/debug"

	"github.com/embermetrics/ember/metric"
)

// BuildInfo writes go_build_info, a gauge that is always 1 and whose labels say
// what is running:
//
//   - path, version and checksum of the main module. A program built in its own
//     source tree has no checksum.
//   - revision is the commit it was built from, and modified is "true" if the
//     source tree held changes that were not committed, or else "false". Both
//     are empty if the build did not record the state of a version control system.
//
// All five labels are "unknown" in a program that was built without module
// support.
//
// Use [NewBuildInfo]; the zero BuildInfo writes nothing. All methods may be
// called concurrently. Collect fails only if its context is done.
type BuildInfo struct {
	desc metric.Desc
}

// NewBuildInfo returns a collector of the running program's build information,
// which it reads now: it never changes.
func NewBuildInfo() *BuildInfo {
	return newBuildInfo(debug.ReadBuildInfo())
}

func newBuildInfo(info *debug.BuildInfo, ok bool) *BuildInfo {
	const unknown = "unknown"
	path, version, checksum, revision, modified := unknown, unknown, unknown, unknown, unknown
	if ok {
		path, version, checksum = info.Main.Path, info.Main.Version, info.Main.Sum
		revision, modified = "", ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.modified":
				modified = s.Value
			}
		}
	}
	return &BuildInfo{metric.Desc{
		Name: "go_build_info",
		Help: "Always 1; the labels name the main module and the commit it was built from.",
		Kind: metric.Gauge,
		Mode: metric.ModeLiveMax,
		ConstLabels: []metric.Label{
			{Name: "path", Value: path},
			{Name: "version", Value: version},
			{Name: "checksum", Value: checksum},
			{Name: "revision", Value: revision},
			{Name: "modified", Value: modified},
		},
	}}
}

// Describe returns the description of go_build_info.
func (b *BuildInfo) Describe() []metric.Desc {
	if b.desc.Name == "" {
		return nil
	}
	return []metric.Desc{b.desc}
}

// Collect writes go_build_info. It fails only if ctx is done.
func (b *BuildInfo) Collect(ctx context.Context, out *metric.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.desc.Name != "" {
		out.Add(&b.desc, metric.Point{Value: 1})
	}
	return nil
}
