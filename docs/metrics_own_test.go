// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
	"github.com/embermetrics/ember/multiproc"
)

// fixtureCollector is a collector of one counter, with its exemplar, or fails.
type fixtureCollector struct {
	exemplar *metric.Exemplar
	fails    error
}

func (c *fixtureCollector) Collect(_ context.Context, out *metric.Sink) error {
	out.Add(&metric.Desc{Name: fixture + "collected_total", Kind: metric.Counter}, metric.Point{Value: 1, Exemplar: c.exemplar})
	return c.fails
}

// ownScene is what a registry says of itself.
func ownScene(t *testing.T, sources *moduleSources) *metricsScene {
	s := newScene(t)
	s.own = true
	reg := ember.NewRegistry()
	s.expose("", reg, "")
	c := new(fixtureCollector)
	reg.MustRegister(c)
	reg.NewGaugeFunc(ember.GaugeOpts{Name: fixture + "guests"}, func() float64 {
		if c.fails != nil {
			panic(c.fails)
		}
		return 1
	})
	s.expose("", reg, "")
	c.fails = errors.New("out of order")
	s.expose("Once a collector or a function has failed", reg, "out of order")
	require.Len(t, s.metric("ember_collector_errors_total").Points, 2)

	reg = ember.NewRegistry(ember.WithMaxSeries(1))
	counter := reg.NewCounter(ember.CounterOpts{Name: fixture + "total"})
	gauge := reg.NewGaugeVec(ember.GaugeOpts{Name: fixture + "level"}, "of")
	gauge.With("one").Set(1)
	states := reg.NewStateSet(ember.StateSetOpts{Name: fixture + "state"}, "open")
	s.expose("", reg, "")
	counter.Add(-1)
	s.expose("Once an update was dropped", reg, "")
	counter.Add(math.NaN())
	counter.Add(math.Inf(1))
	states.Set("shut", true)
	gauge.SetFunc(func() float64 { return 1 }, "another")
	families, err := reg.Gather()
	require.NoError(t, err)
	s.expose("", only(families, "ember_invalid_updates_total"), "")
	s.only("ember_invalid_updates_total/reason", sources.texts(".", "reasonNames"))

	reg = ember.NewRegistry(ember.WithExemplarSource(func(context.Context) ember.Labels { panic("no span") }))
	counter = reg.NewCounter(ember.CounterOpts{Name: fixture + "total"})
	s.expose("", reg, "")
	counter.IncWithExemplar(ember.Labels{"trace_id": strings.Repeat("a", 200)})
	s.expose("Once an exemplar was dropped", reg, "")
	counter.IncWithExemplar(ember.Labels{"": ""})
	counter.IncWithExemplar(ember.Labels{"trace_id": "\xff"})
	counter.IncContext(t.Context())
	reg.MustRegister(&fixtureCollector{exemplar: &metric.Exemplar{Value: 1, Time: time.Unix(-1<<60, 0)}})
	s.expose("", reg, "")
	s.only("ember_invalid_exemplars_total/reason", sources.texts(".", "flawNames"))

	reg = ember.NewRegistry(ember.WithSeriesMetric())
	s.expose("", reg, "")
	reg.NewCounterVec(ember.CounterOpts{Name: fixture + "total"}, "of").With("one").Inc()
	s.expose("With `WithSeriesMetric`, once there is a vector", reg, "")

	reg = ember.NewRegistry()
	full := reg.NewCounterVec(ember.CounterOpts{Name: fixture + "total", MaxSeries: 1}, "of")
	full.With("one").Inc()
	s.expose("", reg, "")
	full.With("another").Inc()
	s.expose("Once there was no place for a series, or a value of a label", reg, "")
	spent := reg.NewCounterVec(ember.CounterOpts{Name: fixture + "spent_total", LabelBudgets: map[string]int{"of": 1}}, "of")
	spent.With("one").Inc()
	spent.With("another").Inc()
	s.expose("", reg, "")
	require.Len(t, s.metric("ember_series_overflow_total").Points, 2)

	whole := ember.NewRegistry(ember.WithSeriesMetric())
	part := whole.Sub("part_", ember.Labels{"of": "whole"})
	part.NewCounterVec(ember.CounterOpts{Name: "total"}, "by").With("one").Inc()
	for g, want := range map[ember.Gatherer][]string{whole: {"ember_series", "part_total"}, part: {"part_total"}} {
		families, err := g.Gather()
		require.NoError(t, err)
		var got []string
		for _, f := range families {
			got = append(got, f.Name)
		}
		require.Equal(t, want, got)
	}
	return s
}

// only returns those of some families that have a name.
func only(families []*metric.Family, name string) gatheredMetrics {
	var all gatheredMetrics
	for _, f := range families {
		if f.Name == name {
			all = append(all, f)
		}
	}
	return all
}

// multiprocScene is what the registry of several processes says of their files. It is nil
// where there is no such registry.
func multiprocScene(t *testing.T, sources *moduleSources) *metricsScene {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		_, err := multiproc.Open(filepath.Join(t.TempDir(), "metrics"))
		require.Error(t, err)
		return nil
	}
	s := newScene(t)
	s.own = true
	path := filepath.Join(t.TempDir(), "metrics")
	join := func() *ember.Registry {
		dir, err := multiproc.Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { dir.Close() })
		return ember.NewRegistry(ember.WithMultiproc(dir))
	}
	reg, other := join(), join()
	s.expose("From the beginning", reg, "")
	require.NoError(t, os.WriteFile(filepath.Join(path, "empty.ember"), nil, 0o600))
	s.expose("Once a file could not be read, or not all of it", reg, "")
	require.NoError(t, os.WriteFile(filepath.Join(path, "foreign.ember"), bytes.Repeat([]byte("not a cell file "), 100), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(path, "directory.ember"), 0o700))
	reg.NewCounter(ember.CounterOpts{Name: fixture + "total"}).Inc()
	s.expose("", reg, "")
	require.GreaterOrEqual(t, len(s.metric("ember_multiproc_file_errors_total").Points), 3)
	other.NewGauge(ember.GaugeOpts{Name: fixture + "total"}).Set(1)
	s.expose("Once processes have disagreed about a metric", reg, "")

	var reasons []string
	for _, reason := range fileReasons(sources) {
		reasons = append(reasons, reason[0])
	}
	s.rarely("reason", reasons)
	return s
}

// fileReasons returns the values of a label, each with whose files it is of, and what it
// means, as the sources say.
func fileReasons(sources *moduleSources) [][]string {
	var all [][]string
	for _, of := range []struct{ dir, files string }{{"internal/cellfile", "Ember's"}, {"internal/shared", "Ember's"}, {"internal/pydb", "Python's"}} {
		for _, c := range sources.described(of.dir, "Reason") {
			i := slices.IndexFunc(all, func(known []string) bool { return known[0] == c[0] })
			if i >= 0 {
				all[i][1] = "both"
			} else {
				all = append(all, []string{c[0], of.files, c[1]})
			}
		}
	}
	return all
}

// reasonsTable says what the reasons mean.
func reasonsTable(s *metricsScene, sources *moduleSources) string {
	if s == nil {
		return ""
	}
	s.valuesOf("reason")
	rows := [][]string{{"Reason", "Files", "What is wrong"}}
	for _, r := range fileReasons(sources) {
		rows = append(rows, []string{quoted(r[0]), r[1], r[2]})
	}
	return markdownTable(rows)
}

// exporterMetrics returns the names of what "ember multiproc" serves of an empty directory,
// which multiprocScene must know. They are none where there is no such program.
func exporterMetrics(t *testing.T, known *metricsScene) []string {
	if known == nil {
		return nil
	}
	program := filepath.Join(t.TempDir(), "ember")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, "../cmd/ember").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir := filepath.Join(t.TempDir(), "metrics")
	require.NoError(t, os.Mkdir(dir, 0o700))

	// A shell that reads until the test lets go of it, which the kernel does for it if it is
	// killed, stops the program.
	const watch = `"$@" & p=$!; (cat; kill $p) <&3 >/dev/null 2>&1 & wait $p; kill $! 2>/dev/null`
	cmd := exec.Command("sh", "-c", watch, "sh", program, "multiproc", "-dir", dir, "-addr", "127.0.0.1:0")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.ExtraFiles = []*os.File{r} // is 3
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r.Close()
	late := time.AfterFunc(time.Minute, func() { w.Close() })
	defer func() {
		late.Stop()
		w.Close()
		cmd.Wait()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, url, ok := strings.Cut(strings.TrimSpace(line), ": ")
	require.True(t, ok, line)

	var names []string
	for line := range strings.Lines(scraped(t, url)) {
		if of, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(strings.TrimSpace(of), " ")
			require.NotNil(t, known.metrics[name], "of the exporter alone: %s", name)
			require.Equal(t, known.metrics[name].Help, help)
			names = append(names, name)
		}
	}
	require.NotEmpty(t, names)
	return names
}

// scraped returns what a server answers.
func scraped(t *testing.T, url string) string {
	response, err := http.Get(url)
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
	return string(body)
}

// Serving a registry adds nothing to it.
func serverAddsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- ember.ListenAndServe(ctx, "127.0.0.1:0", ember.ServerOpts{
			Gatherer: ember.NewRegistry(), Cardinality: true, Listening: func(a net.Addr) { addr <- a },
		})
	}()
	var url string
	select {
	case a := <-addr:
		url = "http://" + a.String()
	case err := <-ended:
		require.NoError(t, err)
	}
	for range 2 {
		require.NotEmpty(t, scraped(t, url+"/"))
		require.NotEmpty(t, scraped(t, url+"/debug/cardinality"))
		require.Empty(t, scraped(t, url+"/metrics"))
	}
	cancel()
	require.NoError(t, <-ended)
}
