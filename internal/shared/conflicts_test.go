// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

// aged opens a directory for a process that began so many seconds after 2020.
func aged(t testing.TB, path string, second int) *Dir {
	d := openDir(t, path)
	pretend(t, d, second, second)
	return d
}

// requireThroughout looks at what is gathered while all files are there, when those of
// processes that have ended are in the archive, and by somebody who knows of nothing yet.
func requireThroughout(t *testing.T, path string, conflicts map[string]uint64, want []string, dead ...*Dir) {
	t.Helper()
	r := openReader(t, path, Options{})
	for _, d := range dead {
		require.NoError(t, d.Close())
	}
	unlock := lockDir(t, path)
	require.Equal(t, want, gathered(t, r))
	require.Equal(t, want, gathered(t, r))
	require.Equal(t, conflicts, r.Stats().Conflicts)
	unlock()
	require.Equal(t, want, gathered(t, r))
	require.Equal(t, want, gathered(t, openReader(t, path, Options{})))
	require.Equal(t, conflicts, r.Stats().Conflicts)
	require.Empty(t, r.Stats().FileErrors)
}

func TestLayoutsDiffer(t *testing.T) {
	path := newPath(t)
	oldest, old, newest := aged(t, path, 1), aged(t, path, 2), aged(t, path, 3)
	for i := range 4 {
		add(t, oldest, histogram("h", []float64{1, 3, 10})).observe(i, 1)
	}
	for i := range 3 {
		add(t, old, histogram("h", []float64{2, 5})).observe(i, 10)
	}
	add(t, newest, histogram("h", []float64{1, 4})).observe(1, 100)
	// 1 of 1; 3 of 3 and 2 of 2 and ours below 4.
	requireThroughout(t, path, map[string]uint64{"h": 2}, []string{"h n=8 sum=134 1:1 4:4"}, oldest, old)
}

// That the newest has ended does not make another one the newest.
func TestTheNewestHasEnded(t *testing.T) {
	path := newPath(t)
	old, newest := aged(t, path, 1), aged(t, path, 2)
	add(t, old, histogram("h", []float64{1, 3})).observe(1, 3)
	add(t, newest, histogram("h", []float64{5})).observe(0, 4)
	requireThroughout(t, path, map[string]uint64{"h": 1}, []string{"h n=2 sum=7 5:2"}, newest)
}

func TestKindsDiffer(t *testing.T) {
	path := newPath(t)
	old, newest := aged(t, path, 1), aged(t, path, 2)
	add(t, old, counter("x")).inc(5)
	add(t, newest, gauge("x", metric.ModeSum)).setFloat(0, 3)
	add(t, old, counter("y")).inc(5)
	add(t, newest, counter("y")).inc(6)
	requireThroughout(t, path, map[string]uint64{"x": 1}, []string{"x 3", "y 11"}, old)
	// The archive has kept it.
	add(t, aged(t, path, 3), counter("x")).inc(1)
	require.Equal(t, []string{"x 6", "y 11"}, gathered(t, openReader(t, path, Options{})))
}

func TestModesDiffer(t *testing.T) {
	path := newPath(t)
	a, b, newest := aged(t, path, 1), aged(t, path, 2), aged(t, path, 3)
	add(t, a, gauge("g", metric.ModeSum)).setFloat(0, 4)
	add(t, b, gauge("g", metric.ModeLiveEach)).setFloat(0, 7)
	add(t, newest, gauge("g", metric.ModeMax)).setFloat(0, 5)
	require.Equal(t, []string{"g 7"}, gathered(t, openReader(t, path, Options{})))
	requireThroughout(t, path, map[string]uint64{"g": 2}, []string{"g 7"}, a)
}

// The default is a mode like any other.
func TestDefaultModeIsNoConflict(t *testing.T) {
	path := newPath(t)
	a, b := aged(t, path, 1), aged(t, path, 2)
	add(t, a, gauge("g", metric.ModeDefault)).setFloat(0, 4)
	add(t, b, gauge("g", metric.ModeLiveSum)).setFloat(0, 7)
	requireThroughout(t, path, map[string]uint64{}, []string{"g 11"})
}

// Labels and helps differ: all series are there, with the newest help.
func TestDefinitionsDiffer(t *testing.T) {
	path := newPath(t)
	old, newest := aged(t, path, 1), aged(t, path, 2)
	f := counter("x_total", "a", "b")
	f.Unit = "old"
	f.ConstLabels = []metric.Label{{Name: "c", Value: "1"}}
	add(t, old, f, "1", "2").inc(1)
	f = counter("x_total", "b", "c")
	f.Help = "Newer."
	f.ConstLabels = []metric.Label{{Name: "a", Value: "1"}}
	add(t, newest, f, "2", "1").inc(2)
	add(t, newest, counter("x_total")).inc(4)
	add(t, newest, counter("x_total", "a"), "").inc(8) // which is no label
	r := openReader(t, path, Options{})
	families := gather(t, r)
	require.Len(t, families, 1)
	require.Len(t, families[0].Points, 2)
	require.Equal(t, 3.0, families[0].Points[1].Value)
	require.ElementsMatch(t, []metric.Label{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "1"}}, families[0].Points[1].Labels)
	require.Equal(t, 12.0, families[0].Points[0].Value)
	require.Empty(t, families[0].Unit)
	require.Empty(t, r.Stats().Conflicts)
	require.Contains(t, []string{"Newer.", "Help of x_total."}, families[0].Help)
}

// Who has many versions in the course of time does not get an archive that grows forever.
func TestManyLayouts(t *testing.T) {
	path := newPath(t)
	r := openReader0(t, path)
	var total uint64
	for i := range 3 * maxShapes {
		d := aged(t, path, i+1)
		add(t, d, histogram("h", []float64{float64(i + 1), 1000})).observe(0, 1)
		total++
		require.NoError(t, d.Close())
		require.Equal(t, total, gather(t, r)[0].Points[0].Count)
	}
	require.LessOrEqual(t, len(r.archive.families), maxShapes)
	p := gather(t, r)[0].Points[0]
	require.Equal(t, []metric.Bucket{{UpperBound: 3 * maxShapes, Count: total}, {UpperBound: 1000, Count: total}}, p.Buckets)
}

// openReader0 is openReader for a directory that does not exist yet.
func openReader0(t testing.TB, path string) *Dir {
	require.NoError(t, openDir(t, path).Close())
	return openReader(t, path, Options{})
}

// The created time is the earliest that is known, and not what nobody can have meant.
func TestCreated(t *testing.T) {
	path := newPath(t)
	for i, created := range []uint64{0, 2_000_000_000, 1_000_000_000, 1 << 62, 1<<64 - 1} {
		d := aged(t, path, i+1)
		s := add(t, d, counter("x_total"))
		s.inc(1)
		s.set(2, created)
		if i == 1 {
			require.NoError(t, d.Close())
		}
	}
	r := openReader(t, path, Options{})
	for range 2 {
		p := gather(t, r)[0].Points[0]
		require.Equal(t, 5.0, p.Value)
		require.EqualValues(t, 1_000_000_000, p.Created.UnixNano())
	}
}
