// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

// model is what all processes have counted: plain numbers by series.
type model struct {
	counters map[string]float64
	buckets  map[string]map[float64]uint64 // by bound, each alone; 1e9 stands for +Inf
	sums     map[string]float64
	counts   map[string]uint64
	dead     map[string][]float64 // values of gauges by family
}

type modelProcess struct {
	dir    *Dir
	series map[string]Series
	gauges map[string]float64
}

var modelModes = []metric.Mode{metric.ModeSum, metric.ModeMax, metric.ModeMin, metric.ModeLiveSum, metric.ModeLiveMax}

// lines is what should be gathered while some processes live.
func (m *model) lines(processes []*modelProcess) []string {
	var lines []string
	for id, v := range m.counters {
		lines = append(lines, fmt.Sprintf("%s %v", id, v))
	}
	for id, b := range m.buckets {
		var total uint64
		text := ""
		for _, bound := range modelBounds {
			total += b[bound]
			text += fmt.Sprintf(" %v:%d", bound, total)
		}
		total += b[1e9]
		lines = append(lines, fmt.Sprintf("%s n=%d sum=%v%s", id, total, m.sums[id], text))
	}
	for id, n := range m.counts {
		lines = append(lines, fmt.Sprintf("%s n=%d sum=%v", id, n, m.sums[id]))
	}
	for _, mode := range modelModes {
		id := "gauge_" + mode.String()
		var values []float64
		for _, p := range processes {
			if v, ok := p.gauges[id]; ok {
				values = append(values, v)
			}
		}
		if mode < metric.ModeLiveSum {
			values = append(values, m.dead[id]...)
		}
		if len(values) == 0 {
			continue
		}
		v := 0.0
		switch mode {
		case metric.ModeMax, metric.ModeLiveMax:
			v = slices.Max(values)
		case metric.ModeMin:
			v = slices.Min(values)
		default:
			for _, x := range values {
				v += x
			}
		}
		lines = append(lines, fmt.Sprintf("%s %v", id, v))
	}
	slices.Sort(lines)
	return lines
}

var modelBounds = []float64{1, 2, 5}

// Processes come, count, publish, retire and go, killed or not; some of them and others
// gather, and compaction is kept from happening now and then. What is gathered is what
// plain numbers say.
func TestModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			path := newPath(t)
			reader := openReader0(t, path)
			m := &model{map[string]float64{}, map[string]map[float64]uint64{}, map[string]float64{}, map[string]uint64{}, map[string][]float64{}}
			var processes []*modelProcess
			var unlock func()
			for range 200 {
				if len(processes) == 0 || rng.IntN(10) == 0 && len(processes) < 8 {
					processes = append(processes, &modelProcess{openDir(t, path), map[string]Series{}, map[string]float64{}})
				}
				p := processes[rng.IntN(len(processes))]
				label := fmt.Sprint(rng.IntN(4))
				n := uint64(1 + rng.IntN(5))
				switch rng.IntN(12) {
				case 0, 1, 2:
					id := fmt.Sprintf("c%d_total{l=%q}", rng.IntN(3), label)
					s, ok := p.series[id]
					if !ok {
						s = add(t, p.dir, counter(id[:strings.IndexByte(id, '{')], "l"), label)
						p.series[id] = s
					}
					s.inc(n)
					m.counters[id] += float64(n)
				case 3, 4, 5:
					id := fmt.Sprintf("h{l=%q}", label)
					s, ok := p.series[id]
					if !ok {
						s = add(t, p.dir, histogram("h", modelBounds, "l"), label)
						p.series[id] = s
						if m.buckets[id] == nil {
							m.buckets[id] = map[float64]uint64{}
						}
					}
					bucket := rng.IntN(4)
					s.observe(bucket, float64(n))
					m.sums[id] += float64(n)
					m.buckets[id][append(slices.Clone(modelBounds), 1e9)[bucket]]++
				case 6:
					id := fmt.Sprintf("s{l=%q}", label)
					s, ok := p.series[id]
					if !ok {
						f := summary("s", 0, 0)
						f.Labels = []string{"l"}
						s = add(t, p.dir, f, label)
						p.series[id] = s
					}
					s.set(1, s.Words()[1]+n)
					m.counts[id] += n
					m.sums[id] += 0
				case 7, 8:
					mode := modelModes[rng.IntN(len(modelModes))]
					id := "gauge_" + mode.String()
					s, ok := p.series[id]
					if !ok {
						s = add(t, p.dir, gauge(id, mode))
						p.series[id] = s
					}
					v := float64(rng.IntN(100))
					s.setFloat(0, v)
					p.gauges[id] = v
				case 9: // one that nobody sees
					s := add(t, p.dir, counter("retired_total"))
					s.inc(n)
					s.Retire()
				case 10:
					if unlock == nil {
						unlock = lockDir(t, path)
					} else {
						unlock()
						unlock = nil
					}
				case 11:
					require.NoError(t, p.dir.Close())
					for id, v := range p.gauges {
						m.dead[id] = append(m.dead[id], v)
					}
					processes = slices.DeleteFunc(processes, func(q *modelProcess) bool { return q == p })
				}
				by := reader
				if len(processes) > 0 && rng.IntN(2) == 0 {
					by = processes[rng.IntN(len(processes))].dir
				}
				got := gathered(t, by)
				slices.Sort(got)
				require.Equal(t, m.lines(processes), got)
				require.Empty(t, by.Stats().FileErrors)
				require.Empty(t, by.Stats().Conflicts)
			}
			if unlock != nil {
				unlock()
			}
			got := gathered(t, reader)
			slices.Sort(got)
			require.Equal(t, m.lines(processes), got)
			require.Equal(t, len(processes), files(t, path))
			require.NotEmpty(t, slices.Collect(maps.Keys(m.counters)))
		})
	}
}
