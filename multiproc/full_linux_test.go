// SPDX-License-Identifier: Apache-2.0

package multiproc_test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

func init() { childRoles["fill"] = fill }

// More series than 1 MiB has place for, each counted so often.
const (
	fillSeries = 20_000
	fillCounts = 3
)

// fill makes series until there is no place for them, and goes on.
func fill(dir, _ string) {
	d, err := multiproc.Open(dir)
	must(err)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	v := reg.NewCounterVec(ember.CounterOpts{Name: "a_total", Help: "A."}, "l")
	for range fillCounts {
		for i := range fillSeries {
			v.With(strconv.Itoa(i)).Inc()
		}
	}
	// These do not even have a definition in the file.
	h := reg.NewHistogram(ember.HistogramOpts{Name: "h", Native: &ember.NativeOpts{}})
	s := reg.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
	g := reg.NewGauge(ember.GaugeOpts{Name: "g"})
	for i := range 1000 {
		h.Observe(float64(i))
		s.Observe(float64(i))
		g.Add(1)
	}
	sum := 0.0
	for _, c := range v.All() {
		sum += c.Value()
	}
	fmt.Println(sum, h.Count(), s.Count(), g.Value())
	text := new(strings.Builder)
	must(ember.WriteText(text, reg))
	fmt.Println(strconv.Quote(text.String()))
	io.Copy(io.Discard, os.Stdin)
}

func TestFullFilesystem(t *testing.T) {
	path := newDir(t, tempPath(t))
	if os.Geteuid() != 0 {
		t.Skip("cannot apply: only root can mount the filesystem that is to be full")
	}
	if err := syscall.Mount("cells", path, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("cannot apply: this system, a container say, lets nobody mount the filesystem that is to be full: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(path, syscall.MNT_DETACH)) })

	cmd := child("fill", path, "")
	log := new(logged)
	cmd.Stderr = log
	c := converse(t, cmd)
	require.Equal(t, fmt.Sprint(fillSeries*fillCounts, 1000, 1000, 1000), c.hear(), "it has all itself")
	text, err := strconv.Unquote(c.hear())
	require.NoError(t, err)
	own, err := scraped(text)
	require.NoError(t, err)
	seen := len(own.only("a_total"))
	require.Greater(t, seen, 5000)
	require.Less(t, seen, fillSeries)
	require.EqualValues(t, fillCounts*seen, own.sum("a_total"), "series that have a place are whole")
	require.GreaterOrEqual(t, own["ember_multiproc_series_without_place_total"], float64(fillSeries-seen))
	require.Equal(t, 1, log.lines("ERROR"), log.String())
	require.Equal(t, 1, log.lines("no place for series that other processes can see", "dir="+path, "no space left on device",
		"free space on its filesystem, or keep cell files on a larger one", "give the directory more space"), log.String())

	// Others see as much.
	readerLog := new(logged)
	d := openReader(t, path, readerLog.option())
	exporter := ember.NewRegistry(ember.WithMultiproc(d))
	require.Equal(t, own.only("a_total"), scrape(t, exporter).only("a_total"))
	require.Empty(t, readerLog.String())

	// There is no place for any more processes, which say so, and go on alone.
	_, err = multiproc.Open(path)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "free space on its filesystem, or keep cell files on a larger one")
	for _, role := range []string{"default", "default counts logs"} {
		all, log := runDefault(t, child(role, "", ""), path)
		require.EqualValues(t, 1, all["a_total"])
		require.Equal(t, 1, log.lines("ERROR", "metrics are of this process alone", "free space on its filesystem"), log.String())
	}

	// Once the process has ended there is no place for an archive either. What it has
	// counted is read where it is.
	c.kill()
	for range 3 {
		require.Equal(t, own.only("a_total"), scrape(t, exporter).only("a_total"))
	}
	require.Equal(t, 1, readerLog.lines("ERROR"), readerLog.String())
	require.Equal(t, 1, readerLog.lines("cannot be moved to the archive", "no space left on device"), readerLog.String())
	require.Subset(t, []string{"lock"}, files(t, path)[1:])

	// With more space all is as it should be.
	require.NoError(t, syscall.Mount("cells", path, "tmpfs", syscall.MS_REMOUNT, "size=8m,mode=0700"))
	again := ember.NewRegistry(ember.WithMultiproc(openDir(t, path)))
	require.Equal(t, own.only("a_total"), scrape(t, again).only("a_total"))
	require.Equal(t, own.only("a_total"), scrape(t, exporter).only("a_total"))
	require.Contains(t, files(t, path), "archive.ember")
	require.Len(t, files(t, path), 3)
}

// What a directory on a disk costs is said once, when it is opened to write.
func TestNotInMemory(t *testing.T) {
	path := t.TempDir()
	onDisk := func() bool {
		const tmpfs = 0x01021994
		var st syscall.Statfs_t
		require.NoError(t, syscall.Statfs(path, &st))
		return uint32(st.Type) != tmpfs
	}
	if !onDisk() { // then beside the sources
		var err error
		path, err = os.MkdirTemp("testdata", "cells-")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(path)) })
		if !onDisk() {
			t.Skip("cannot apply: all that this system has is in memory")
		}
	}
	require.NoError(t, os.Chmod(path, 0o700))
	log := new(logged)
	reg := ember.NewRegistry(ember.WithMultiproc(openDir(t, path, log.option())))
	reg.NewCounter(ember.CounterOpts{Name: "a_total"}).Inc()
	for range 3 {
		require.EqualValues(t, 1, scrape(t, reg)["a_total"])
	}
	openReader(t, path, log.option())
	require.Equal(t, 1, log.lines(""), log.String())
	require.Equal(t, 1, log.lines("level=WARN", "not in memory", "advice=", "/dev/shm"), log.String())

	memory := new(logged)
	openDir(t, tempPath(t), memory.option())
	require.Empty(t, memory.String())
}
