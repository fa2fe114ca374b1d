// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
	"github.com/embermetrics/ember/multiproc"
)

// The storm: processes count as fast as they can, and are killed and started again,
// while others scrape all of them without pause. EMBER_STORM_KILLS says how many are
// killed, stormKills if it is not set; `make storm` has more.
const (
	stormKills    = 500
	stormWorkers  = 8
	stormCounters = 3    // goroutines of a worker that count
	stormBatch    = 1000 // rounds of such a goroutine between two confirmations
)

func init() { childRoles["storm"] = stormWorker }

// stormWorker counts until it is killed. Each round of a goroutine counts one in each
// instrument, in the same order; after each batch it writes a byte. It is scraped by a
// socket that is named like its worker.
func stormWorker(dir, name string) {
	d, err := multiproc.Open(dir)
	must(err)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	var (
		whole     = reg.NewCounter(ember.CounterOpts{Name: "a_total", Help: "A."})
		halves    = reg.NewCounter(ember.CounterOpts{Name: "b_total", Help: "B."})
		classic   = reg.NewHistogram(ember.HistogramOpts{Name: "c", Help: "C.", Buckets: ember.LinearBuckets(0, 1, 11)})
		native    = reg.NewHistogram(ember.HistogramOpts{Name: "d", Help: "D.", Buckets: []float64{1, 1000}, Native: &ember.NativeOpts{MaxBuckets: 40}})
		quantiles = reg.NewSummary(ember.SummaryOpts{Name: "e", Help: "E.", Quantiles: []float64{0.5, 0.99}})
		vector    = reg.NewCounterVec(ember.CounterOpts{Name: "f_total", Help: "F."}, "worker", "batch")
		gauge     = reg.NewGauge(ember.GaugeOpts{Name: "g", Help: "G.", Mode: ember.ModeSum})
	)
	socket := filepath.Join(filepath.Dir(dir), name)
	os.Remove(socket)
	l, err := net.Listen("unix", socket)
	must(err)
	go http.Serve(l, ember.HandlerFor(reg, ember.HandlerOpts{}))
	for range stormCounters {
		go func() {
			for i := 0; ; i++ {
				whole.Inc()
				halves.Add(0.5)
				classic.Observe(float64(i % 10))
				// The further it gets, the wider the range, so that the scale changes.
				v := float64(1+i%7) * math.Ldexp(1, min(i/300, 100)*(i%11)/10)
				switch {
				case i%50 == 0:
					v = 0
				case i%9 == 0:
					v = -v
				}
				native.Observe(v)
				quantiles.Observe(float64(i % 100))
				vector.With(name, strconv.Itoa(i/stormBatch%20)).Inc()
				gauge.Add(1)
				if (i+1)%stormBatch == 0 {
					_, err := os.Stdout.Write([]byte{'.'})
					must(err)
				}
			}
		}()
	}
	select {}
}

// storm is what all know of it.
type storm struct {
	t      *testing.T
	dir    string
	kills  atomic.Int64 // that are left
	done   atomic.Int64
	stops  atomic.Int64
	ended  chan struct{}
	failed atomic.Bool

	confirmed   atomic.Int64 // batches
	generations atomic.Int64
	silent      atomic.Int64 // generations that confirmed nothing
	mostFiles   atomic.Int64
}

func (s *storm) errorf(format string, args ...any) {
	if s.failed.Swap(true) {
		return // the first says most
	}
	s.t.Errorf(format, args...)
}

// batches counts bytes, and tells when the first came.
type batches struct {
	n     int64
	first chan struct{}
}

func (b *batches) Write(p []byte) (int, error) {
	if b.n == 0 && len(p) > 0 {
		close(b.first)
	}
	b.n += int64(len(p))
	return len(p), nil
}

// worker starts a worker again and again, and kills it.
func (s *storm) worker(name string, rng *rand.Rand) {
	for s.kills.Add(-1) >= 0 && !s.failed.Load() {
		out := &batches{first: make(chan struct{})}
		cmd := child("storm", s.dir, name)
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			s.errorf("start: %v", err)
			return
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if early := rng.IntN(6) == 0; early {
			time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
		} else {
			select {
			case <-out.first:
			case <-time.After(time.Minute):
				s.errorf("worker %s has confirmed nothing for a minute", name)
			case err := <-ended:
				s.errorf("worker %s ended: %v", name, err)
				return
			}
			time.Sleep(time.Duration(rng.IntN(150)) * time.Millisecond)
			// Who has no processor for a while stays in the middle of something.
			for range rng.IntN(4) {
				cmd.Process.Signal(syscall.SIGSTOP)
				s.stops.Add(1)
				time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
				cmd.Process.Signal(syscall.SIGCONT)
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			s.errorf("kill: %v", err)
		}
		if err := <-ended; err == nil || err.Error() != "signal: killed" {
			s.errorf("worker %s ended: %v", name, err)
		}
		s.done.Add(1)
		s.generations.Add(1)
		s.confirmed.Add(out.n)
		if out.n == 0 {
			s.silent.Add(1)
		}
	}
}

// watch scrapes without pause, and returns how often.
func (s *storm) watch(of ...func() (totals, error)) (scrapes int) {
	seen := make(totals)
	for i := 0; ; i++ {
		select {
		case <-s.ended:
			return scrapes
		default:
		}
		now, err := of[i%len(of)]()
		if err != nil {
			s.errorf("scrape %d: %v", i, err)
			return scrapes
		}
		if now == nil {
			continue // nobody was there
		}
		scrapes++
		for name, v := range seen {
			if w, ok := now[name]; !ok || !(w >= v) {
				s.errorf("scrape %d, of source %d: %s became %v after %v", i, i%len(of), name, w, v)
			}
		}
		maps.Copy(seen, now)
		if entries, err := os.ReadDir(s.dir); err == nil {
			for n := int64(len(entries)); ; {
				most := s.mostFiles.Load()
				if n <= most || s.mostFiles.CompareAndSwap(most, n) {
					break
				}
			}
		}
	}
}

// monotonic returns those samples of a scrape that never become less.
func monotonic(all totals) totals {
	maps.DeleteFunc(all, func(name string, _ float64) bool {
		return strings.HasPrefix(name, "ember_") || strings.Contains(name, "quantile=") || name == "d_sum"
	})
	return all
}

// gatheredTotals returns what a registry has, having checked that what belongs together is
// in agreement.
func gatheredTotals(families []*metric.Family) (totals, error) {
	all := make(totals)
	for _, f := range families {
		for _, p := range f.Points {
			id := f.Name
			for _, l := range p.Labels {
				id += "," + l.Value
			}
			if _, twice := all[id]; twice {
				return nil, fmt.Errorf("series %s is there twice", id)
			}
			all[id] = p.Value
			switch f.Kind {
			case metric.Histogram, metric.Summary:
				all[id] = float64(p.Count)
				all[id+"_sum"] = p.Sum
			}
			before := uint64(0)
			for _, b := range p.Buckets {
				if b.Count < before || b.Count > p.Count {
					return nil, fmt.Errorf("%s: bucket %v has %d after %d, of %d", id, b.UpperBound, b.Count, before, p.Count)
				}
				before = b.Count
				all[fmt.Sprint(id, b.UpperBound)] = float64(b.Count)
			}
			if p.Native != nil {
				if n := nativeTotal(p.Native); n != p.Count {
					return nil, fmt.Errorf("%s: %d in native buckets, count %d", id, n, p.Count)
				}
			}
		}
	}
	maps.DeleteFunc(all, func(name string, _ float64) bool {
		return name == "d_sum" || strings.HasPrefix(name, "ember_multiproc_files")
	})
	return all, nil
}

func nativeTotal(n *metric.Native) uint64 {
	total := n.ZeroCount
	for _, b := range slices.Concat(n.Positive, n.Negative) {
		total += b.Count
	}
	return total
}

// beyond returns how many values are in the native bucket of +Inf: none was observed.
func beyond(n *metric.Native) (count uint64) {
	for _, b := range n.Positive {
		if b.Index > 1024<<max(n.Schema, 0) {
			count += b.Count
		}
	}
	return count
}

func TestStorm(t *testing.T) {
	kills := stormKills
	if testing.Short() {
		kills = 40
	}
	if text := os.Getenv("EMBER_STORM_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		kills = n
	}
	path := newPath(t)
	d := openDir(t, path)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	exporter := ember.NewRegistry(ember.WithMultiproc(openReader(t, path)))
	s := &storm{t: t, dir: path, ended: make(chan struct{})}
	s.kills.Store(int64(kills))
	began := time.Now()

	var workers, watchers sync.WaitGroup
	for i := range stormWorkers {
		rng := rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))
		workers.Go(func() { s.worker(fmt.Sprint("w", i), rng) })
	}
	var scrapes [2]int
	watchers.Go(func() {
		scrapes[0] = s.watch(func() (totals, error) {
			families, err := reg.Gather()
			if err != nil {
				return nil, err
			}
			return gatheredTotals(slices.DeleteFunc(families, func(f *metric.Family) bool { return strings.HasPrefix(f.Name, "ember_") }))
		})
	})
	// Whoever is asked, nothing is less than what others have said before.
	answers := 0
	watchers.Go(func() {
		var asked int
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				name, _, _ := net.SplitHostPort(addr)
				return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(filepath.Dir(path), name))
			},
		}, Timeout: 500 * time.Millisecond}
		scrapes[1] = s.watch(func() (totals, error) {
			var b strings.Builder
			if err := ember.WriteText(&b, exporter); err != nil {
				return nil, err
			}
			all, err := scraped(b.String())
			return monotonic(all), err
		}, func() (totals, error) {
			asked++
			response, err := client.Get(fmt.Sprintf("http://w%d/metrics", asked%stormWorkers))
			if err != nil {
				return nil, nil // it has just been killed
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				return nil, nil
			}
			if response.StatusCode != http.StatusOK {
				return nil, fmt.Errorf("%s: %s", response.Status, text)
			}
			answers++
			all, err := scraped(string(text))
			return monotonic(all), err
		})
	})
	workers.Wait()
	close(s.ended)
	watchers.Wait()
	took := time.Since(began)
	if s.failed.Load() {
		return
	}

	// All are dead: what they have counted is in the archive.
	last := s.checkLast(reg)
	confirmed := s.confirmed.Load() * stormBatch
	t.Logf("%d killed (%d of them before they confirmed anything), %d stopped for a while, in %.1f s; %d rounds of 7 instruments confirmed, %.0f counted; %d and %d scrapes, %d of them answered by workers; at most %d files",
		s.done.Load(), s.silent.Load(), s.stops.Load(), took.Seconds(), confirmed, last["a_total"], scrapes[0], scrapes[1], answers, s.mostFiles.Load())
	require.Positive(t, confirmed)
	require.Greater(t, scrapes[0], 10)
	require.Positive(t, answers)
	require.EqualValues(t, kills, s.done.Load())
	require.Less(t, s.mostFiles.Load(), int64(60))

	names := files(t, path)
	require.Len(t, names, 3, names) // the archive, the lock, and our own
	info, err := os.Stat(filepath.Join(path, "archive.ember"))
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(1<<20))
	require.Equal(t, last, s.checkLast(exporter))
	require.NoError(t, d.Close())
	require.Equal(t, last, s.checkLast(ember.NewRegistry(ember.WithMultiproc(openReader(t, path)))))
	require.Equal(t, []string{"archive.ember", "lock"}, files(t, path))
}

// checkLast scrapes once more, when everybody is dead.
func (s *storm) checkLast(reg *ember.Registry) totals {
	t := s.t
	families, err := reg.Gather()
	require.NoError(t, err)
	all, err := gatheredTotals(families)
	require.NoError(t, err)

	// Each goroutine has counted a batch at most that it has not confirmed.
	confirmed := float64(s.confirmed.Load() * stormBatch)
	underway := float64(s.generations.Load() * stormCounters)
	require.GreaterOrEqual(t, all["a_total"], confirmed)
	require.LessOrEqual(t, all["a_total"], confirmed+stormBatch*underway)

	// Each has counted one round at most that it has not ended, in the order of that.
	vector := 0.0
	for _, p := range family(families, "f_total").Points {
		vector += p.Value
	}
	order := []float64{all["a_total"], 2 * all["b_total"], all["c"], all["d"], all["e"], vector, all["g"]}
	for i := range order[1:] {
		require.LessOrEqual(t, order[i+1], order[i], "%v", order)
	}
	require.LessOrEqual(t, order[0]-order[6], underway)
	require.GreaterOrEqual(t, order[6], confirmed)

	c := family(families, "c").Points[0]
	require.Equal(t, c.Count, c.Buckets[len(c.Buckets)-1].Count, "nothing is beyond the last bound")
	n := family(families, "d").Points[0].Native
	require.Zero(t, beyond(n), "all values are where they belong")
	require.NotEmpty(t, n.Negative)
	return all
}
