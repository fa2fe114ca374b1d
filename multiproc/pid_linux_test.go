// SPDX-License-Identifier: Apache-2.0

package multiproc_test

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

func init() { childRoles["same pid"] = samePID }

// samePID counts and sets what its name says, and waits until it is killed.
func samePID(dir, name string) {
	n, err := strconv.ParseFloat(name, 64)
	must(err)
	d, err := multiproc.Open(dir)
	must(err)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	countSamePID(reg, n)
	fmt.Println(os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() { // each is a scrape
		text := new(strings.Builder)
		must(ember.WriteText(text, reg))
		fmt.Println(strconv.Quote(text.String()))
	}
}

func countSamePID(reg *ember.Registry, n float64) {
	reg.NewCounter(ember.CounterOpts{Name: "a_total"}).Add(n)
	reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 10}}).Observe(n)
	reg.NewGauge(ember.GaugeOpts{Name: "each", Mode: ember.ModeEach}).Set(n)
	reg.NewGauge(ember.GaugeOpts{Name: "liveeach", Mode: ember.ModeLiveEach}).Set(n)
	reg.NewGauge(ember.GaugeOpts{Name: "sum", Mode: ember.ModeSum}).Set(n)
	reg.NewGauge(ember.GaugeOpts{Name: "livesum"}).Set(n)
}

// someProcess is one of those with the same process id.
type someProcess struct {
	scrape func() totals
	end    func()
}

// Processes of several containers have the same process id, 1. They are told apart, and
// nothing is lost or twice there.
func TestSamePID(t *testing.T) {
	t.Run("namespaces", func(t *testing.T) {
		path := tempPath(t)
		cmd := child("same pid", path, "1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		if err := cmd.Start(); err != nil {
			// The other test has a single process for several, whose id is the same too.
			t.Skipf("cannot apply: this system, a container say, lets nobody have a namespace of process ids: %v", err)
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.NoError(t, os.RemoveAll(path))
		checkSamePID(t, path, "1", func(n int) someProcess {
			cmd := child("same pid", path, strconv.Itoa(n))
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
			c := converse(t, cmd)
			require.Equal(t, "1", c.hear())
			return someProcess{
				scrape: func() totals {
					text, err := strconv.Unquote(c.say("scrape"))
					require.NoError(t, err)
					all, err := scraped(text)
					require.NoError(t, err)
					return all
				},
				end: c.kill,
			}
		})
	})
	t.Run("one process", func(t *testing.T) {
		path := tempPath(t)
		checkSamePID(t, path, strconv.Itoa(os.Getpid()), func(n int) someProcess {
			d := openDir(t, path)
			reg := ember.NewRegistry(ember.WithMultiproc(d))
			countSamePID(reg, float64(n))
			return someProcess{
				scrape: func() totals { return scrape(t, reg) },
				end:    func() { require.NoError(t, d.Close()) },
			}
		})
	})
}

func checkSamePID(t *testing.T, path, pid string, startOne func(n int) someProcess) {
	require.NoError(t, os.Mkdir(path, 0o700))
	reg := ember.NewRegistry(ember.WithMultiproc(openReader(t, path)))
	var processes []someProcess
	start := func(n int) { processes = append(processes, startOne(n)) }
	end := func(i int) {
		processes[i].end()
		processes = slices.Delete(processes, i, i+1)
	}
	alone := `{pid="` + pid + `"}`
	suffixed := regexp.MustCompile(`^(each|liveeach)\{pid="` + pid + `-[0-9a-f]{8}"\}$`)
	// check looks at a scrape by somebody else, and at one by each process that lives.
	check := func(counted, observed float64, oldest float64, others []float64, dead float64) {
		t.Helper()
		scrapes := []totals{scrape(t, reg)}
		for _, p := range processes {
			scrapes = append(scrapes, p.scrape())
		}
		for _, all := range scrapes {
			require.Equal(t, counted, all["a_total"])
			require.Equal(t, observed, all["h_count"])
			require.Equal(t, counted, all["h_sum"])
			require.Equal(t, counted, all["sum"])
			lives := oldest
			for _, v := range others {
				lives += v
			}
			if lives > 0 {
				require.Equal(t, lives, all["livesum"])
			} else {
				require.NotContains(t, all, "livesum")
			}
			for _, name := range []string{"each", "liveeach"} {
				values := all.only(name + "{")
				switch {
				case oldest > 0:
					require.Equal(t, oldest, values[name+alone])
				case name == "each":
					require.Equal(t, dead, values[name+alone])
				}
				delete(values, name+alone)
				for name := range values {
					require.Regexp(t, suffixed, name)
				}
				require.ElementsMatch(t, others, slices.Collect(maps.Values(values)))
			}
		}
	}
	start(1)
	start(2)
	start(4)
	check(7, 3, 1, []float64{2, 4}, 0)
	end(1) // one in the middle: what it had counted stays
	check(7, 3, 1, []float64{4}, 0)
	start(8)
	check(15, 4, 1, []float64{4, 8}, 0)
	end(0) // the oldest one, so that the next one has the id alone
	check(15, 4, 4, []float64{8}, 0)
	end(0)
	check(15, 4, 8, nil, 0)
	end(0) // the last one: the newest of all that have ended is left
	check(15, 4, 0, nil, 8)
	check(15, 4, 0, nil, 8)
	require.Equal(t, []string{"archive.ember", "lock"}, files(t, path))
}
