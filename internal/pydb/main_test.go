// SPDX-License-Identifier: Apache-2.0

package pydb_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/internal/pydb"
	"github.com/embermetrics/ember/metric"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// rec is a record of a file that is made by hand.
type rec struct {
	key   string
	value float64
	time  float64
}

// sample returns a record as json.dumps would write its key.
func sample(family, name string, value float64, labels ...string) rec {
	all := make(map[string]string)
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	key, err := json.Marshal([]any{family, name, all, "Help of " + family + "."})
	if err != nil {
		panic(err)
	}
	return rec{key: string(key), value: value}
}

func counter(name string, value float64, labels ...string) rec {
	return sample(strings.TrimSuffix(name, "_total"), name, value, labels...)
}

func gauge(name string, value float64, labels ...string) rec {
	return sample(name, name, value, labels...)
}

// at returns r with the time at which it was set.
func (r rec) at(time float64) rec {
	r.time = time
	return r
}

// content returns the used part of a file.
func content(timed bool, recs ...rec) []byte {
	b := make([]byte, 8)
	for _, r := range recs {
		b = binary.NativeEndian.AppendUint32(b, uint32(len(r.key)))
		b = append(b, r.key...)
		b = append(b, strings.Repeat(" ", 8-(len(r.key)+4)%8)...)
		b = binary.NativeEndian.AppendUint64(b, math.Float64bits(r.value))
		if timed {
			b = binary.NativeEndian.AppendUint64(b, math.Float64bits(r.time))
		}
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// write writes a file, and returns its path. The inode of one that is there stays.
func write(t testing.TB, dir, name string, b []byte) string {
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// put writes a file of the later layout with a tail of zeros.
func put(t testing.TB, dir, name string, recs ...rec) string {
	return write(t, dir, name, append(content(true, recs...), make([]byte, 4096)...))
}

// read returns all series as text exposition has them, sorted, and the problems
// as "file: reason: detail".
func read(t testing.TB, d *pydb.Dir) (series, problems []string) {
	families, found, err := d.Read(t.Context())
	require.NoError(t, err)
	problems = []string{}
	for _, p := range found {
		s := filepath.Base(p.Path) + ": " + string(p.Reason)
		if p.Detail != "" {
			s += ": " + p.Detail
		}
		if p.More > 0 {
			s += fmt.Sprintf(" (+%d)", p.More)
		}
		problems = append(problems, s)
	}
	return text(t, families), problems
}

// text returns the samples of families, and sees that they are in order.
func text(t testing.TB, families []*metric.Family) []string {
	lines := []string{}
	require.True(t, slices.IsSortedFunc(families, func(a, b *metric.Family) int { return strings.Compare(a.Name, b.Name) }))
	for _, f := range families {
		for _, p := range f.Points {
			var labels []string
			for _, l := range p.Labels {
				labels = append(labels, l.Name+"="+strconv.Quote(l.Value))
			}
			slices.Sort(labels)
			line := func(suffix string, v any, more ...string) {
				lines = append(lines, fmt.Sprintf("%s%s{%s} %v", f.Name, suffix, strings.Join(append(slices.Clip(labels), more...), ","), v))
			}
			switch f.Kind {
			case metric.Counter, metric.Gauge:
				line("", p.Value)
			case metric.Summary:
				line("_count", p.Count)
				line("_sum", p.Sum)
			case metric.Histogram:
				for _, b := range p.Buckets {
					line("_bucket", b.Count, fmt.Sprintf("le=\"%g\"", b.UpperBound))
				}
				line("_count", p.Count)
				line("_sum", p.Sum)
			default:
				t.Fatalf("%v", f.Kind)
			}
		}
	}
	return lines
}
