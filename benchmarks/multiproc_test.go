// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package benchmarks_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// newShared returns a directory that processes may share, in memory if that is known.
func newShared(b testing.TB) string {
	above := "/dev/shm"
	if _, err := os.Stat(above); err != nil {
		above = ""
	}
	path := must(os.MkdirTemp(above, "ember-benchmark-"))
	b.Cleanup(func() { os.RemoveAll(path) })
	return path
}

// newProcess returns a registry that is one with those of others.
func newProcess(b testing.TB, path string) *ember.Registry {
	dir, err := multiproc.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { dir.Close() })
	return ember.NewRegistry(ember.WithMultiproc(dir))
}

// multiprocUpdates are what programs do to instruments of a registry.
var multiprocUpdates = []struct {
	name string
	of   func(reg *ember.Registry) updates
}{
	{"inc", func(reg *ember.Registry) updates {
		c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
		return func(n int, _ rounds) {
			for range n {
				c.Inc()
			}
		}
	}},
	{"add", func(reg *ember.Registry) updates {
		c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
		return func(n int, _ rounds) {
			for range n {
				c.Add(1.5)
			}
		}
	}},
	{"gauge_set", func(reg *ember.Registry) updates {
		g := reg.NewGauge(ember.GaugeOpts{Name: "x"})
		return func(n int, _ rounds) {
			for i := range n {
				g.Set(latencies[i%len(latencies)])
			}
		}
	}},
	{"gauge_add", func(reg *ember.Registry) updates {
		g := reg.NewGauge(ember.GaugeOpts{Name: "x"})
		return func(n int, _ rounds) {
			for range n {
				g.Add(1.5)
			}
		}
	}},
	{"histogram", func(reg *ember.Registry) updates {
		h := reg.NewHistogram(ember.HistogramOpts{Name: "x_seconds"})
		return func(n int, _ rounds) {
			for i := range n {
				h.Observe(latencies[i%len(latencies)])
			}
		}
	}},
	{"native", func(reg *ember.Registry) updates {
		h := reg.NewHistogram(ember.HistogramOpts{Name: "x_seconds", Native: emberNative})
		return func(n int, _ rounds) {
			for i := range n {
				h.Observe(latencies[i%len(latencies)])
			}
		}
	}},
	{"summary", func(reg *ember.Registry) updates {
		s := reg.NewSummary(ember.SummaryOpts{Name: "x_seconds", Quantiles: quantiles})
		return func(n int, _ rounds) {
			for i := range n {
				s.Observe(latencies[i%len(latencies)])
			}
		}
	}},
	{"with_inc", func(reg *ember.Registry) updates {
		v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labelNames...)
		return func(n int, _ rounds) {
			for range n {
				v.With("GET", "/api/items/{id}", "200").Inc()
			}
		}
	}},
}

// BenchmarkMultiprocUpdate updates an instrument that lives in a mapped file, which other
// processes can read, and one that lives on the heap.
func BenchmarkMultiprocUpdate(b *testing.B) {
	for _, u := range multiprocUpdates {
		b.Run("op="+u.name, func(b *testing.B) {
			recordTight(b,
				impl{"ember", func() updates { return u.of(newProcess(b, newShared(b))) }},
				impl{"heap", func() updates { return u.of(ember.NewRegistry()) }})
		})
	}
}

// sharedSeries is how many series each process of the scrapes has.
const sharedSeries = 1000

// fillShared is testdata/multiproc.py in Go: 800 counters, 100 gauges and 100 histograms
// of 11 buckets.
func fillShared(reg *ember.Registry, process int) {
	c := reg.NewCounterVec(ember.CounterOpts{Name: "requests_total", Help: "Requests."}, labelNames...)
	g := reg.NewGaugeVec(ember.GaugeOpts{Name: "depth", Help: "Depth.", Mode: ember.ModeMax}, labelNames...)
	h := reg.NewHistogramVec(ember.HistogramOpts{
		Name: "seconds", Help: "Time.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, labelNames...)
	for i := range sharedSeries {
		path := fmt.Sprintf("/api/v1/resource/%d", i)
		switch i % 10 {
		case 8:
			g.With("GET", path, "200").Set(float64(process))
		case 9:
			h.With("GET", path, "200").Observe(0.1)
		default:
			c.With("GET", path, "200").Add(float64(i))
		}
	}
}

// sharedProcesses returns the registry of one of so many processes with series.
func sharedProcesses(b testing.TB, path string, n int) (reg *ember.Registry) {
	for i := range n {
		reg = newProcess(b, path)
		fillShared(reg, i+1)
	}
	return reg
}

// BenchmarkMultiprocScrape answers a scrape of so many living processes with 1,000 series
// each, the same ones: as data, which client_python cannot, or in the text format.
// 64 registries in one process stand for as many processes; files are read, not looked at
// in memory, whoever has written them.
func BenchmarkMultiprocScrape(b *testing.B) {
	for _, files := range []int{4, 64} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			reg := sharedProcesses(b, newShared(b), files)
			b.Run("as=data/impl=ember", func(b *testing.B) {
				must(reg.Gather())
				b.ReportAllocs()
				for b.Loop() {
					must(reg.Gather())
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "scrape-ms")
			})
			b.Run("as=text/impl=ember", func(b *testing.B) {
				h, request := ember.HandlerFor(reg, ember.HandlerOpts{}), textFormat.request(false)
				scrape := func() int {
					w := newDiscard()
					if h.ServeHTTP(w, request); w.status != http.StatusOK {
						b.Fatalf("status %d", w.status)
					}
					return w.written
				}
				scrape()
				b.ReportAllocs()
				for b.Loop() {
					scrape()
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "scrape-ms")
			})
			b.Run("as=text/impl=client_python", func(b *testing.B) {
				p := startPython(b, files)
				p.scrape(b)
				for b.Loop() {
					p.scrape(b)
				}
			})
		})
	}
}

// python is the system's own interpreter: packages of the distribution are in no other.
const python = "/usr/bin/python3"

// pythonProcess is testdata/multiproc.py.
type pythonProcess struct {
	in  io.Writer
	out *bufio.Reader
}

// startPython has client_python write that many files.
func startPython(b *testing.B, files int) *pythonProcess {
	if exec.Command(python, "-c", "import prometheus_client").Run() != nil {
		b.Skip("client_python is missing; on Debian: apt-get install python3-prometheus-client")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, python, "testdata/multiproc.py", strconv.Itoa(files))
	cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+newShared(b), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	p := &pythonProcess{must(cmd.StdinPipe()), bufio.NewReader(must(cmd.StdoutPipe()))}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	if line := must(p.out.ReadString('\n')); line != "ready\n" {
		b.Fatal(line)
	}
	return p
}

// scrape returns the length of a scrape.
func (p *pythonProcess) scrape(b *testing.B) int {
	must(io.WriteString(p.in, "scrape\n"))
	return must(strconv.Atoi(strings.TrimSpace(must(p.out.ReadString('\n')))))
}

// BenchmarkMultiprocDead answers scrapes, in the text format, of a process with 1,000
// series in whose directory as many others have ended since the last scrape, each with ten
// series. first-scrape-ms is the time of the first one, which moves all of them to the
// archive; the time of an operation is that of a later one.
func BenchmarkMultiprocDead(b *testing.B) {
	for _, dead := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("dead=%d/impl=ember", dead), func(b *testing.B) {
			path := newShared(b)
			reg := newProcess(b, path)
			fillShared(reg, 1)
			endedProcesses(b, path, dead)
			h, request := ember.HandlerFor(reg, ember.HandlerOpts{}), textFormat.request(false)
			start := time.Now()
			h.ServeHTTP(newDiscard(), request)
			first := time.Since(start)
			if left := must(filepath.Glob(filepath.Join(path, "*.ember"))); len(left) != 1+min(dead, 1) {
				b.Fatalf("%d files after a scrape", len(left))
			}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(newDiscard(), request)
			}
			b.ReportMetric(first.Seconds()*1e3, "first-scrape-ms")
		})
	}
}

// endedProcesses makes the files of processes that have ended: copies of one, each with
// an id of its own.
func endedProcesses(b testing.TB, path string, n int) {
	other := newShared(b)
	dir, err := multiproc.Open(other)
	if err != nil {
		b.Fatal(err)
	}
	v := ember.NewRegistry(ember.WithMultiproc(dir)).NewCounterVec(ember.CounterOpts{Name: "jobs_total", Help: "Jobs."}, "kind")
	for i := range 10 {
		v.With(strconv.Itoa(i)).Inc()
	}
	if err := dir.Close(); err != nil {
		b.Fatal(err)
	}
	files := must(filepath.Glob(filepath.Join(other, "*.ember")))
	content := must(os.ReadFile(files[0]))
	const idAt, createdAt, sumAt, usedAt = 32, 64, 108, 128
	content = content[:binary.NativeEndian.Uint64(content[usedAt:])&(1<<48-1)]
	created := binary.NativeEndian.Uint64(content[createdAt:])
	for i := range n {
		binary.BigEndian.PutUint64(content[idAt:], uint64(i))
		binary.NativeEndian.PutUint64(content[createdAt:], created+uint64(i))
		binary.NativeEndian.PutUint32(content[sumAt:], crc32.Checksum(content[:sumAt], crc32.MakeTable(crc32.Castagnoli)))
		name := filepath.Join(path, fmt.Sprintf("%d-%x.ember", i+1, content[idAt:idAt+16]))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}
