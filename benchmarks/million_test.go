// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const manyName = "requests_total"

// mostGrowth is by how much Ember promises that a scrape lets the process grow at
// most, whatever the number of series.
const mostGrowth = 8 << 20

// TestMillionSeries is what must hold with 1,000,000 series in one vector. Under
// the race detector it makes do with fewer.
func TestMillionSeries(t *testing.T) {
	t.Run("creating never waits", creatingNeverWaits)
	if !raceEnabled { // which takes memory of its own; each check runs both builds
		t.Run("memory stays", func(t *testing.T) {
			for i, grown := range growth(t, newEmber()) {
				t.Logf("scrape %d: heap grew by %d KiB, resident memory by %d KiB", i+1, grown.heap>>10, grown.resident>>10)
				require.Less(t, grown.heap, uint64(mostGrowth), "heap, scrape %d", i+1)
				require.Less(t, grown.resident, uint64(mostGrowth), "resident memory, scrape %d", i+1)
			}
		})
	}
}

// BenchmarkMemory measures by how much a scrape in the text format lets a process grow:
// its objects, or its resident memory if that grows more. It is that of the first scrape
// of new series or of a later one, whichever is more.
func BenchmarkMemory(b *testing.B) {
	withMany(b, func(b *testing.B, s creator) {
		most := uint64(0)
		for _, grown := range growth(b, s) {
			most = max(most, grown.heap, grown.resident)
		}
		b.ReportMetric(float64(most)/(1<<20), "extra-MiB")
	})
}

// BenchmarkWait measures how long it takes at most to create a series while another
// goroutine scrapes, of about a thousand a second that are created. That is a time, with
// all that else runs on the machine in it.
func BenchmarkWait(b *testing.B) {
	withMany(b, func(b *testing.B, s creator) {
		s.counters(manyName, manySeries)
		b.ReportMetric(float64(longestWait(s).Microseconds())/1000, "longest-wait-ms")
	})
}

// withMany measures something that is not the time of an operation, once in each run.
func withMany(b *testing.B, measure func(*testing.B, creator)) {
	for _, l := range []library{emberLib, clientLib} {
		if l != emberLib && !*million {
			continue
		}
		b.Run(fmt.Sprintf("series=%d/impl=%s", manySeries, l), func(b *testing.B) {
			for range b.N {
				measure(b, l.service().(creator))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// creatingNeverWaits scrapes with a client that stops reading half-way, and goes
// on only after series were created and another client has scraped everything. If
// any of them waited for the first client, the test would never end.
func creatingNeverWaits(t *testing.T) {
	const more = 10_000
	s := newEmber()
	s.counters(manyName, manySeries)
	h := s.handler(false)

	half, resume, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	slow := &lineCounter{discard: newDiscard(), at: manySeries / 2, reached: func() {
		close(half)
		<-resume
	}}
	go func() {
		defer close(done)
		h.ServeHTTP(slow, textFormat.request(false))
	}()
	<-half

	l := newLabels()
	for i := range more {
		l.series(manySeries + i)
		s.counter.With(string(l.method), string(l.path), string(l.status)).Inc()
	}
	require.Equal(t, manySeries+more, s.counter.Len())
	quick := &lineCounter{discard: newDiscard()}
	h.ServeHTTP(quick, textFormat.request(false))
	require.Equal(t, manySeries+more, quick.samples)

	close(resume)
	<-done
	require.Equal(t, http.StatusOK, slow.status)
	require.GreaterOrEqual(t, slow.samples, manySeries, "what was there before is complete")
	require.LessOrEqual(t, slow.samples, manySeries+more)
}

// lineCounter counts samples, and calls reached once there are at of them.
type lineCounter struct {
	*discard
	samples int
	at      int
	reached func()
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.samples += bytes.Count(p, []byte{'\n'}) - bytes.Count(p, []byte("# "))
	if c.reached != nil && c.samples >= c.at {
		c.reached()
		c.reached = nil
	}
	return c.discard.Write(p)
}

// grown is by how much a scrape let the process grow: at its highest, from a
// beginning without garbage.
type grown struct{ heap, resident uint64 }

// growth returns that for the first scrape of new series, and for a later one.
func growth(t testing.TB, s service) (g [2]grown) {
	s.counters(manyName, manySeries)
	h := s.handler(false)
	for i := range g {
		debug.FreeOSMemory() // and collect garbage
		w := &heapWatch{discard: newDiscard()}
		w.look()
		heap := w.highest
		resident := forgetPeak(t)
		h.ServeHTTP(w, textFormat.request(false))
		w.look()
		g[i].heap = w.highest - heap
		if resident < math.MaxUint64 {
			g[i].resident = max(status(t, "VmHWM"), resident) - resident // the kernel's sums are approximate
		}
	}
	return g
}

// heapWatch is a client that looks at the heap whenever it has got some more.
type heapWatch struct {
	*discard
	highest  uint64 // bytes of all objects, garbage included
	lookedAt int
}

func (w *heapWatch) Write(p []byte) (int, error) {
	if w.written-w.lookedAt >= 32<<10 {
		w.look()
	}
	return w.discard.Write(p)
}

func (w *heapWatch) look() {
	w.lookedAt = w.written
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	w.highest = max(w.highest, s[0].Value.Uint64())
}

// forgetPeak makes the kernel take the process's resident memory for its peak, and
// returns it. Where there is no such thing, it returns more than any peak.
func forgetPeak(t testing.TB) uint64 {
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return math.MaxUint64
	}
	return status(t, "VmRSS")
}

// status returns a size from /proc/self/status.
func status(t testing.TB, name string) uint64 {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n"+name+":")
	require.True(t, found, "%s in %s", name, text)
	line, _, _ := strings.Cut(rest, "\n")
	kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(line, " kB")), 10, 64)
	require.NoError(t, err)
	return kib << 10
}

// creator is a service that may get more counters.
type creator interface {
	service
	create(*labels) // one more of the counters that were made last
}

func (s *emberService) create(l *labels) {
	s.counter.With(string(l.method), string(l.path), string(l.status))
}

func (s *clientService) create(l *labels) {
	s.counter.WithLabelValues(string(l.method), string(l.path), string(l.status))
}

// longestWait creates series, with a pause after each, for as long as two scrapes last,
// the first of series that were never scraped. It returns how long the slowest took.
func longestWait(s creator) (longest time.Duration) {
	h := s.handler(false)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			h.ServeHTTP(newDiscard(), textFormat.request(false))
		}
	}()
	const pause = 100 * time.Microsecond
	l := newLabels()
	for i := 0; ; i++ {
		select {
		case <-done:
			return longest
		default:
		}
		l.series(manySeries + i)
		start := time.Now()
		s.create(l)
		longest = max(longest, time.Since(start))
		time.Sleep(pause)
	}
}
