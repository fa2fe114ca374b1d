// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/multiproc"
)

func init() {
	childRoles["compact"] = compactUntilKilled
	childRoles["count"] = countAndEnd
}

// compactUntilKilled gathers, and so compacts, again and again.
func compactUntilKilled(dir, _ string) {
	d, err := multiproc.OpenReader(dir)
	must(err)
	fmt.Println("ready")
	for {
		_, err := d.Gather()
		must(err)
	}
}

// countAndEnd counts as often as its name says, and ends without a word.
func countAndEnd(dir, name string) {
	n, err := strconv.Atoi(name)
	must(err)
	d, err := multiproc.Open(dir)
	must(err)
	count(ember.NewRegistry(ember.WithMultiproc(d)), n)
	os.Exit(0)
}

// manySeries are counted once by each process, so that compacting takes a while.
const manySeries = 500

// count counts n times in an instrument of each kind.
func count(reg *ember.Registry, n int) {
	c := reg.NewCounterVec(ember.CounterOpts{Name: "a_total"}, "l")
	h := reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 10}, Native: &ember.NativeOpts{}})
	s := reg.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
	g := reg.NewGauge(ember.GaugeOpts{Name: "g", Mode: ember.ModeSum})
	many := reg.NewCounterVec(ember.CounterOpts{Name: "m_total"}, "l")
	for i := range manySeries {
		many.With(strconv.Itoa(i)).Inc()
	}
	for i := range n {
		c.With(strconv.Itoa(i % 3)).Add(1.5)
		h.Observe(float64(i % 20))
		s.Observe(2)
		g.Add(1)
	}
}

// requireCounted fails if not just so much was counted, by so many processes.
func requireCounted(t *testing.T, d *multiproc.Dir, n, processes int) {
	t.Helper()
	families, err := d.Gather()
	require.NoError(t, err)
	all, err := gatheredTotals(families)
	require.NoError(t, err)
	require.Equal(t, []float64{1.5 * float64(n), float64(n), float64(n), 2 * float64(n), float64(n)},
		[]float64{all.sum("a_total"), all["h_count"], all["s_count"], all["s_sum"], all["g"]})
	require.EqualValues(t, manySeries*processes, all.sum("m_total"))
	require.Zero(t, beyond(family(families, "h").Points[0].Native))
}

// Those who compact are killed at any moment: whoever comes next has everything, once.
func TestKilledCompacting(t *testing.T) {
	path := tempPath(t)
	reader := openReader(t, newDir(t, path))
	rounds := 80
	if testing.Short() {
		rounds = 10
	}
	total, ended, middle := 0, 0, 0
	for round := range rounds {
		// While somebody has the lock nobody compacts.
		unlock, err := cellfile.TryLock(path, "lock")
		require.NoError(t, err)
		require.NotNil(t, unlock)
		for range 12 {
			n := 1 + rand.IntN(40)
			d := openDir(t, path)
			count(ember.NewRegistry(ember.WithMultiproc(d)), n)
			require.NoError(t, d.Close())
			total += n
			ended++
		}
		if round%10 == 0 {
			require.NoError(t, child("count", path, "7").Run())
			total += 7
			ended++
		}
		compactors := make([]*conversation, 1+round%2)
		for i := range compactors {
			compactors[i] = converse(t, child("compact", path, ""))
			require.Equal(t, "ready", compactors[i].hear())
		}
		before := files(t, path)
		unlock()
		wait := time.Duration(rand.IntN(6000)) * time.Microsecond
		if round%4 > 0 { // as soon as something is to be seen of it, or soon after
			for deadline := time.Now().Add(time.Second); len(files(t, path)) == len(before) && time.Now().Before(deadline); {
			}
			wait /= 60
		}
		for from := time.Now(); time.Since(from) < wait; { // which is exacter than sleep
		}
		for _, c := range compactors {
			c.kill()
		}
		if n := len(files(t, path)); n != len(before) && n > 2 {
			middle++
		}
		requireCounted(t, reader, total, ended)
		require.Equal(t, []string{"archive.ember", "lock"}, files(t, path))
		requireCounted(t, reader, total, ended)
	}
	requireCounted(t, openReader(t, path), total, ended)
	t.Logf("%d compactions killed, %d of them between the first file that came and the last that went; %d counted", rounds, middle, total)
}

// newDir makes a directory and returns its path.
func newDir(t testing.TB, path string) string {
	require.NoError(t, os.Mkdir(path, 0o700))
	return path
}
