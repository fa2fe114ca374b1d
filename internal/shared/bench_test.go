// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

// manyFiles makes files with so many series each, mostly the same ones.
func manyFiles(t testing.TB, path string, n, series int) []*Dir {
	dirs := make([]*Dir, n)
	for i := range dirs {
		dirs[i] = openDir(t, path)
		for k := range series {
			labels := []string{"GET", fmt.Sprintf("/api/v1/resource/%d", k), "200"}
			switch k % 10 {
			case 8:
				s := add(t, dirs[i], gauge("depth", metric.ModeMax, "method", "path", "status"), labels...)
				s.setFloat(0, float64(i))
			case 9:
				s := add(t, dirs[i], histogram("seconds", []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "method", "path", "status"), labels...)
				s.observe(i%12, 0.1)
			default:
				s := add(t, dirs[i], counter("requests_total", "method", "path", "status"), labels...)
				s.inc(uint64(k))
			}
		}
	}
	return dirs
}

func BenchmarkGather(b *testing.B) {
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("files=%d/series=1000", n), func(b *testing.B) {
			d := manyFiles(b, newPath(b), n, 1000)[0]
			for name, warm := range map[string]bool{"first": false, "known": true} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					gather(b, d)
					for b.Loop() {
						if !warm {
							<-d.gathering
							for _, s := range d.sources {
								s.close()
							}
							max := d.table.max
							d.reader = reader{}
							d.reader.init(max)
							d.gathering <- struct{}{}
						}
						if _, err := d.Gather(context.Background()); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// Ten thousand processes have ended, each with one series.
func BenchmarkManyDead(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		path := newPath(b)
		d := openDir(b, path) // before, for it would do the work
		deadFiles(b, path, 10_000)
		b.StartTimer()
		start := time.Now()
		families, err := d.Gather(context.Background())
		require.NoError(b, err)
		require.Equal(b, []string{"x_total 10000"}, text(families))
		b.ReportMetric(time.Since(start).Seconds(), "s/first")
	}
}

// Words that belong together are copied twice.
func BenchmarkGatherHistograms(b *testing.B) {
	path := newPath(b)
	var d *Dir
	for i := range 64 {
		d = openDir(b, path)
		for k := range 200 {
			s := add(b, d, histogram("seconds", []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "method", "path"), "GET", fmt.Sprintf("/api/v1/resource/%d", k))
			s.observe(i%12, 0.1)
		}
	}
	gather(b, d)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Gather(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	d := openDir(b, newPath(b))
	families := published(7)
	for i := range 1000 {
		families[0].Points = append(families[0].Points, metric.Point{Labels: []metric.Label{{Name: "l", Value: fmt.Sprint(i)}}})
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Publish(families)
	}
}
