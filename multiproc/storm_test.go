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
	// What comes from a function is written down when the worker itself is scraped, and when
	// it begins.
	var rounds atomic.Int64
	reg.MustRegister(ember.NewCounterFunc(ember.CounterOpts{Name: "h_total", Help: "H."}, func() float64 { return float64(rounds.Load()) }))
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
				rounds.Add(1)
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

	mu        sync.Mutex
	seen      totals // the most that any scrape has said
	mostFiles int
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
			if rng.IntN(10) == 0 {
				time.Sleep(300 * time.Millisecond) // enough to answer a scrape
			}
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

// watch scrapes without pause, and returns how often. Whoever is asked, nothing is less
// than what a scrape has said that was over before this one began.
func (s *storm) watch(who string, scrape func() (totals, error)) (scrapes int) {
	for {
		select {
		case <-s.ended:
			return scrapes
		default:
		}
		s.mu.Lock()
		before := maps.Clone(s.seen)
		s.mu.Unlock()
		now, err := scrape()
		if err != nil {
			s.errorf("%s: %v", who, err)
			return scrapes
		}
		if now == nil {
			time.Sleep(time.Millisecond)
			continue // nobody was there
		}
		scrapes++
		maps.DeleteFunc(now, func(name string, _ float64) bool {
			return strings.HasPrefix(name, "ember_") || strings.Contains(name, "quantile=") || name == "d_sum"
		})
		for name, v := range before {
			if w, ok := now[name]; !ok || !(w >= v) {
				s.errorf("%s: %s became %v after %v", who, name, w, v)
			}
		}
		entries, err := os.ReadDir(s.dir)
		if err != nil {
			s.errorf("%v", err)
		}
		s.mu.Lock()
		for name, v := range now {
			s.seen[name] = max(v, s.seen[name])
		}
		s.mostFiles = max(s.mostFiles, len(entries))
		s.mu.Unlock()
	}
}

// gatheredTotals returns the samples of families as the text format has them, having
// checked that what belongs together is in agreement.
func gatheredTotals(families []*metric.Family) (totals, error) {
	all := make(totals)
	for _, f := range families {
		for _, p := range f.Points {
			id := sample(f.Name, p.Labels)
			if _, twice := all[id]; twice {
				return nil, fmt.Errorf("series %s is there twice", id)
			}
			if f.Kind != metric.Histogram && f.Kind != metric.Summary {
				all[id] = p.Value
				continue
			}
			all[sample(f.Name+"_count", p.Labels)] = float64(p.Count)
			all[sample(f.Name+"_sum", p.Labels)] = p.Sum
			before := uint64(0)
			for _, b := range append(p.Buckets, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count}) {
				if b.Count < before {
					return nil, fmt.Errorf("%s: bucket %v has %d after %d", id, b.UpperBound, b.Count, before)
				}
				before = b.Count
				if f.Kind == metric.Histogram {
					le := metric.Label{Name: "le", Value: strconv.FormatFloat(b.UpperBound, 'g', -1, 64)}
					all[sample(f.Name+"_bucket", append(slices.Clip(p.Labels), le))] = float64(b.Count)
				}
			}
			if p.Native != nil {
				if n := nativeTotal(p.Native); n != p.Count {
					return nil, fmt.Errorf("%s: %d in native buckets, count %d", id, n, p.Count)
				}
			}
		}
	}
	return all, nil
}

func sample(name string, labels []metric.Label) string {
	var pairs []string
	for _, l := range labels {
		pairs = append(pairs, fmt.Sprintf("%s=%q", l.Name, l.Value))
	}
	if pairs == nil {
		return name
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
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
	path := tempPath(t)
	d := openDir(t, path)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	exporter := ember.NewRegistry(ember.WithMultiproc(openReader(t, path)))
	s := &storm{t: t, dir: path, ended: make(chan struct{}), seen: make(totals)}
	s.kills.Store(int64(kills))
	began := time.Now()

	var workers, watchers sync.WaitGroup
	for i := range stormWorkers {
		rng := rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))
		workers.Go(func() { s.worker(fmt.Sprint("w", i), rng) })
	}
	var scrapes [3]int
	watchers.Go(func() {
		scrapes[0] = s.watch("its own registry", func() (totals, error) {
			families, err := reg.Gather()
			if err != nil {
				return nil, err
			}
			return gatheredTotals(families)
		})
	})
	watchers.Go(func() {
		scrapes[1] = s.watch("an exporter", func() (totals, error) {
			var b strings.Builder
			if err := ember.WriteText(&b, exporter); err != nil {
				return nil, err
			}
			return scraped(b.String())
		})
	})
	watchers.Go(func() {
		asked := 0
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				name, _, _ := net.SplitHostPort(addr)
				return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(filepath.Dir(path), name))
			},
		}, Timeout: 2 * time.Second}
		scrapes[2] = s.watch("a worker", func() (totals, error) {
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
			return scraped(string(text))
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
	t.Logf("%d killed (%d of them before they confirmed anything), %d stopped for a while, in %.1f s; %d rounds of 7 instruments confirmed, %.0f counted; %d scrapes of its own registry, %d of an exporter, %d of workers; at most %d files",
		s.done.Load(), s.silent.Load(), s.stops.Load(), took.Seconds(), confirmed, last["a_total"], scrapes[0], scrapes[1], scrapes[2], s.mostFiles)
	require.Positive(t, confirmed)
	require.NotZero(t, scrapes[0])
	require.NotZero(t, scrapes[1])
	require.True(t, scrapes[2] > 0 || testing.Short())
	require.EqualValues(t, kills, s.done.Load())
	require.Less(t, s.mostFiles, 60)

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
	delete(all, "d_sum") // whose parts are of any order of magnitude
	maps.DeleteFunc(all, func(name string, _ float64) bool { return strings.HasPrefix(name, "ember_") })

	// Each goroutine has counted a batch at most that it has not confirmed.
	confirmed := float64(s.confirmed.Load() * stormBatch)
	underway := float64(s.generations.Load() * stormCounters)
	require.GreaterOrEqual(t, all["a_total"], confirmed)
	require.LessOrEqual(t, all["a_total"], confirmed+stormBatch*underway)

	// Each has counted one round at most that it has not ended, in the order of that.
	order := []float64{all["a_total"], 2 * all["b_total"], all["c_count"], all["d_count"], all["e_count"], all.sum("f_total"), all["g"]}
	for i := range order[1:] {
		require.LessOrEqual(t, order[i+1], order[i], "%v", order)
	}
	require.LessOrEqual(t, order[0]-order[6], underway)
	require.GreaterOrEqual(t, order[6], confirmed)
	require.LessOrEqual(t, all["h_total"], all["g"])

	c := family(families, "c").Points[0]
	require.Equal(t, c.Count, c.Buckets[len(c.Buckets)-1].Count, "nothing is beyond the last bound")
	n := family(families, "d").Points[0].Native
	require.Zero(t, beyond(n), "all values are where they belong")
	require.NotEmpty(t, n.Negative)
	return all
}
