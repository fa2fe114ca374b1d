// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/pydb"
	"github.com/embermetrics/ember/metric"
)

// python is the system's own interpreter: packages of the distribution are in no other.
const python = "/usr/bin/python3"

// workers is testdata/workers.py with a directory.
type workers struct {
	t   *testing.T
	dir string
	in  io.Writer
	out *bufio.Reader
}

func startWorkers(t *testing.T) *workers {
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import prometheus_client").CombinedOutput(); err != nil {
		missing := fmt.Sprintf("client_python is missing (%v: %s); on Debian: apt-get install python3-prometheus-client", err, out)
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	w := &workers{t: t, dir: t.TempDir()}
	cmd := exec.Command(python, "testdata/workers.py")
	cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+w.dir, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	w.in, w.out = in, bufio.NewReader(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, cmd.Wait())
	})
	return w
}

func (w *workers) do(command string) string {
	_, err := io.WriteString(w.in, command+"\n")
	require.NoError(w.t, err)
	answer, err := w.out.ReadString('\n')
	require.NoError(w.t, err)
	return strings.TrimSuffix(answer, "\n")
}

// exposed is what MultiProcessCollector says, by sample.
func (w *workers) exposed() (samples, types map[string]string) {
	var families []struct {
		Name, Type, Help string
		Samples          [][3]any
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.do("expose")), &families))
	samples, types = make(map[string]string), make(map[string]string)
	for _, f := range families {
		name := f.Name
		if f.Type == "counter" {
			name += "_total" // which the parser of the older text format takes away
		}
		types[name] = f.Type + " " + f.Help
		for _, s := range f.Samples {
			labels := make(map[string]string)
			for k, v := range s[1].(map[string]any) {
				labels[k] = v.(string)
			}
			if le, ok := labels["le"]; ok {
				labels["le"] = canonical(w.t, le)
			}
			id := sampleID(s[0].(string), labels)
			_, twice := samples[id]
			require.False(w.t, twice, id)
			samples[id] = canonical(w.t, s[2].(string))
		}
	}
	return samples, types
}

func canonical(t testing.TB, s string) string {
	v, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func sampleID(name string, labels map[string]string) string {
	id := name
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		id += fmt.Sprintf(" %s=%q", k, labels[k])
	}
	return id
}

// merged is what families say, in the same form.
func merged(t *testing.T, families []*metric.Family) (samples, types map[string]string) {
	samples, types = make(map[string]string), make(map[string]string)
	for _, f := range families {
		types[f.Name] = f.Kind.String() + " " + f.Help
		for _, p := range f.Points {
			labels := make(map[string]string)
			for _, l := range p.Labels {
				labels[l.Name] = l.Value
			}
			add := func(suffix string, v float64) {
				id := sampleID(f.Name+suffix, labels)
				_, twice := samples[id]
				require.False(t, twice, id)
				samples[id] = strconv.FormatFloat(v, 'g', -1, 64)
			}
			switch f.Kind {
			case metric.Counter, metric.Gauge:
				add("", p.Value)
				continue
			case metric.Histogram:
				for _, b := range p.Buckets {
					labels["le"] = strconv.FormatFloat(b.UpperBound, 'g', -1, 64)
					add("_bucket", float64(b.Count))
				}
				delete(labels, "le")
			}
			add("_count", float64(p.Count))
			add("_sum", p.Sum)
		}
	}
	return samples, types
}

// TestLikeClientPython compares every sample with what client_python exposes of the same
// files: when they are first seen, when they have grown, and when some are gone.
func TestLikeClientPython(t *testing.T) {
	w := startWorkers(t)
	kept := pydb.New(w.dir)
	compare := func(least int) map[string]string {
		wantSamples, wantTypes := w.exposed()
		require.Greater(t, len(wantSamples), least)
		for _, d := range []*pydb.Dir{kept, pydb.New(w.dir)} {
			families, problems, err := d.Read(t.Context())
			require.NoError(t, err)
			samples, types := merged(t, families)
			require.Equal(t, wantTypes, types)
			require.Equal(t, wantSamples, samples)
			// client_python adds up two layouts of buckets without a word.
			for _, p := range problems {
				require.Equal(t, pydb.Conflict, p.Reason, p)
				require.Contains(t, p.Detail, "mixed has a bucket up to 0.")
			}
			require.Len(t, problems, 2)
		}
		return wantSamples
	}
	require.Equal(t, "4", w.do("work 1"))
	first := compare(300)
	require.Equal(t, "4", w.do("work 2"))
	second := compare(3300)
	require.Contains(t, second, `level_livesum l="one worker alone"`)
	require.Equal(t, "ok", w.do("dead w2"))
	third := compare(3300)
	require.NotContains(t, third, `level_livesum l="one worker alone"`)
	require.Contains(t, third, `level_sum l="one worker alone"`)
	t.Logf("%d, %d and %d samples are equal", len(first), len(second), len(third))
}

// collector writes what a Dir reads, as an exporter would.
type collector struct{ dir *pydb.Dir }

func (c collector) Collect(ctx context.Context, out *metric.Sink) error {
	families, _, err := c.dir.Read(ctx)
	for _, f := range families {
		for _, p := range f.Points {
			out.Add(&metric.Desc{Name: f.Name, Help: f.Help, Kind: f.Kind}, p)
		}
	}
	return err
}

// TestRegistry has a registry take what is read, all of which it would refuse for one
// series that cannot be.
func TestRegistry(t *testing.T) {
	w := startWorkers(t)
	require.Equal(t, "4", w.do("work 1"))
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(collector{pydb.New(w.dir)}))
	var text strings.Builder
	require.NoError(t, ember.WriteText(&text, reg))
	require.Contains(t, text.String(), "\nplain_total 4.00000000000001e+15\n")
	require.Contains(t, text.String(), `requests_total{code="202",path="back\\slash"} 14`+"\n")
	require.Contains(t, text.String(), `latency_seconds_bucket{path="emoji 🔥",le="+Inf"} 80`+"\n")
}

// TestWhileWritten reads files that a process writes and makes larger as fast as it can,
// until it is killed. No number goes back, and no file is found to be damaged.
func TestWhileWritten(t *testing.T) {
	w := startWorkers(t)
	d := pydb.New(w.dir)
	w.do("hammer")
	last, reads := make(map[string]float64), 0
	check := func() {
		families, problems, err := d.Read(t.Context())
		require.NoError(t, err)
		// It is empty for the moment between two calls of its writer.
		problems = slices.DeleteFunc(problems, func(p pydb.Problem) bool { return p.Reason == pydb.Empty })
		require.Empty(t, problems)
		samples, _ := merged(t, families)
		for id, s := range samples {
			v, err := strconv.ParseFloat(s, 64)
			require.NoError(t, err)
			if v < last[id] {
				t.Fatalf("%s was %v and is %v", id, last[id], v)
			}
			last[id] = v
		}
	}
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end) || last["hot_total"] == 0; reads++ {
		check()
	}
	samples, _ := w.exposed() // kills it
	check()
	require.Equal(t, samples["hot_total"], strconv.FormatFloat(last["hot_total"], 'g', -1, 64))
	require.Len(t, last, len(samples))
	t.Logf("%d reads saw %v increments and %d series", reads, last["hot_total"], len(last))
}
