// SPDX-License-Identifier: Apache-2.0

//go:build linux && !race

package benchmarks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a scrape costs for each file of a process that lives, in what can be counted: it is
// opened to see whether it is still the same, and its content is read twice.
const (
	mostAllocationsPerFile = 25
	mostReadings           = 2.1
)

func TestMultiprocScrapePerFile(t *testing.T) {
	allocations := make(map[int]float64)
	for _, files := range []int{4, 64} {
		path := newShared(t)
		reg := sharedProcesses(t, path, files)
		gather := func() { must(reg.Gather()) }
		gather() // what the first one prepares
		allocations[files] = testing.AllocsPerRun(10, gather)

		size := int64(0)
		for _, name := range must(filepath.Glob(filepath.Join(path, "*.ember"))) {
			size += must(os.Stat(name)).Size()
		}
		before := bytesRead(t)
		gather()
		read := bytesRead(t) - before
		t.Logf("%d files of %d series: %.0f allocations, %d bytes read of %d", files, sharedSeries, allocations[files], read, size)
		require.LessOrEqual(t, float64(read), mostReadings*float64(size))
	}
	perFile := (allocations[64] - allocations[4]) / 60
	t.Logf("%.1f allocations per file", perFile)
	require.LessOrEqual(t, perFile, float64(mostAllocationsPerFile))
}

// bytesRead returns how many bytes this process has asked the system for.
func bytesRead(t *testing.T) int64 {
	io := must(os.ReadFile("/proc/self/io"))
	m := regexp.MustCompile(`(?m)^rchar: (\d+)$`).FindSubmatch(io)
	if m == nil {
		t.Skipf("/proc/self/io says %q", io)
	}
	return must(strconv.ParseInt(string(m[1]), 10, 64))
}
