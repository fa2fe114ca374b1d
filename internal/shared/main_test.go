// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/metric"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		countUntilKilled(dir)
	}
	leaktest.Main(m)
}

// newPath returns the path of a directory that does not exist yet.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "cells") }

func openDir(t testing.TB, path string) *Dir { return openWith(t, path, Options{Logger: quiet}) }

var quiet = slog.New(slog.DiscardHandler)

// openWith opens a directory, to be closed and given back after the test.
func openWith(t testing.TB, path string, o Options) *Dir {
	d, err := Open(path, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, d.Close())
		require.NoError(t, d.file.Unmap())
	})
	return d
}

func openReader(t testing.TB, path string, o Options) *Dir {
	if o.Logger == nil {
		o.Logger = quiet
	}
	d, err := OpenReader(path, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// logged collects what is logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.buf.String())
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// add adds a series, which there must be place for.
func add(t testing.TB, d *Dir, f Family, values ...string) Series {
	first := []uint64{}
	if f.words() == GaugeWords && f.Kind != metric.Counter {
		first = append(first, Unset)
	}
	s, ok := d.Family(&f).Series(values, f.words(), first...)
	require.True(t, ok)
	return s
}

func counter(name string, labels ...string) Family {
	return Family{Desc: metric.Desc{Name: name, Help: "Help of " + name + ".", Kind: metric.Counter, Labels: labels}}
}

func gauge(name string, m metric.Mode, labels ...string) Family {
	return Family{Desc: metric.Desc{Name: name, Kind: metric.Gauge, Mode: m, Labels: labels}}
}

func histogram(name string, bounds []float64, labels ...string) Family {
	return Family{Desc: metric.Desc{Name: name, Kind: metric.Histogram, Labels: labels}, Bounds: bounds}
}

func (s Series) set(i int, v uint64)           { atomic.StoreUint64(&s.Words()[i], v) }
func (s Series) setFloat(i int, v float64)     { s.set(i, math.Float64bits(v)) }
func (s Series) inc(n uint64)                  { atomic.AddUint64(&s.Words()[0], n) }
func (s Series) observe(bucket int, v float64) { observeIn(s.Words(), bucket, v) }

// observeIn counts in the words of a shard as a Block's writer does.
func observeIn(w []uint64, bucket int, v float64) {
	for !atomic.CompareAndSwapUint64(&w[0], 0, 1) {
	}
	atomic.StoreUint64(&w[2+bucket], atomic.LoadUint64(&w[2+bucket])+1)
	atomic.StoreUint64(&w[1], math.Float64bits(math.Float64frombits(atomic.LoadUint64(&w[1]))+v))
	atomic.StoreUint64(&w[0], 0)
}

func gather(t testing.TB, d *Dir) []*metric.Family {
	families, err := d.Gather(context.Background())
	require.NoError(t, err)
	require.True(t, slices.IsSortedFunc(families, func(a, b *metric.Family) int { return strings.Compare(a.Name, b.Name) }))
	for _, f := range families {
		require.NotEmpty(t, f.Points)
		require.True(t, slices.IsSortedFunc(f.Points, func(a, b metric.Point) int { return compareLabels(a.Labels, b.Labels) }))
	}
	return families
}

// text is what is gathered, a line for each value.
func text(families []*metric.Family) []string {
	var lines []string
	for _, f := range families {
		for _, p := range f.Points {
			var labels []string
			for _, l := range p.Labels {
				labels = append(labels, fmt.Sprintf("%s=%q", l.Name, l.Value))
			}
			id := f.Name
			if len(labels) > 0 {
				id += "{" + strings.Join(labels, ",") + "}"
			}
			switch f.Kind {
			case metric.Histogram, metric.GaugeHistogram:
				line := fmt.Sprintf("%s n=%d sum=%v", id, p.Count, p.Sum)
				for _, b := range p.Buckets {
					line += fmt.Sprintf(" %v:%d", b.UpperBound, b.Count)
				}
				lines = append(lines, line)
			case metric.Summary:
				line := fmt.Sprintf("%s n=%d sum=%v", id, p.Count, p.Sum)
				for _, q := range p.Quantiles {
					line += fmt.Sprintf(" %v:%v", q.Quantile, q.Value)
				}
				lines = append(lines, line)
			default:
				lines = append(lines, fmt.Sprintf("%s %v", id, p.Value))
			}
		}
	}
	return lines
}

func gathered(t testing.TB, d *Dir) []string { return text(gather(t, d)) }

// files returns how many files there are, the archive aside.
func files(t testing.TB, path string) (n int) {
	paths, err := cellfile.List(path)
	require.NoError(t, err)
	for _, p := range paths {
		if filepath.Base(p) != archiveName {
			n++
		}
	}
	return n
}

const childDir = "EMBER_SHARED_CHILD"

// countUntilKilled counts to 8 counters as fast as it can, and confirms to have done so.
func countUntilKilled(dir string) {
	d, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	f := counter("child_total", "n")
	var words []*uint64
	for i := range 8 {
		s, _ := d.Family(&f).Series([]string{fmt.Sprint(i)}, CounterWords)
		words = append(words, &s.Words()[0])
	}
	for n := 1; ; n++ {
		for _, w := range words {
			atomic.AddUint64(w, 1)
		}
		if n%1000 == 0 {
			fmt.Println(n)
		}
	}
}
