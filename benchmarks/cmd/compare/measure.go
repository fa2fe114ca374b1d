// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const pkg = "github.com/embermetrics/ember/benchmarks"

// class is benchmarks of one kind, by their names less "Benchmark". A process runs all
// of a class.
type class struct {
	names     []string
	benchtime string
	rounds    int // at most so many; 0: all
}

// classes are all but tight loops. What they take together is what a round takes.
var classes = []class{
	{names: []string{"Create"}, benchtime: "100000x"}, // a whole vector of them
	{names: []string{"Scrape", "WhileScraped", "Serve"}, benchtime: "100ms"},
	{names: []string{"GC"}, benchtime: "10x"},
	{names: []string{"Memory", "Wait"}, benchtime: "1x"},
	{names: []string{"Start"}, benchtime: "20x"},
	{names: []string{"Heap"}, benchtime: "1x", rounds: 3}, // is exact
	{names: []string{"Binary"}, benchtime: "1x", rounds: 1},
	{names: []string{"MultiprocScrape", "MultiprocDead"}, benchtime: "100ms"},
}

// ofMultiproc reports whether a benchmark is of many processes: these have results of their
// own.
func ofMultiproc(name string) bool { return strings.HasPrefix(name, "Multiproc") }

// loops is the class of whatever is in no other.
var loops = class{benchtime: "100ms"}

// measurement is a run of the benchmarks.
type measurement struct {
	count     int
	benchtime string // instead of the classes'
	filter    string
	multiproc bool // those of many processes, instead of all others
	million   bool
	command   string // as results name it
}

// partial reports whether some of the benchmarks are left out, on purpose.
func (m *measurement) partial() bool { return m.filter != "." || !m.million }

// keep measures, and writes the results to a file. Until they are complete they have
// another name, and what the file held before stays.
func (m *measurement) keep(ctx context.Context, name string, log io.Writer) error {
	file, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	if err := errors.Join(m.run(ctx, file, log), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// run measures, and writes the results to out as they come.
func (m *measurement) run(ctx context.Context, out, log io.Writer) error {
	source, err := directory(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ember-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "benchmarks.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pkg)
	build.Stderr = log
	if err := build.Run(); err != nil {
		return fmt.Errorf("compiling the benchmarks: %w", err)
	}
	names, err := benchmarks(ctx, binary)
	if err != nil {
		return err
	}
	patterns, err := m.patterns(names)
	if err != nil {
		return err
	}

	// benchstat shows lines like these above its tables.
	fmt.Fprintf(out, "command: %s\n", cmp.Or(m.command, "none"))
	fmt.Fprintf(out, "go: %s\n", runtime.Version())
	if commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		fmt.Fprintf(out, "commit: %s\n", bytes.TrimSpace(commit))
	}
	compared := versions
	if m.multiproc {
		compared = pythonVersion
	}
	if err := compared(ctx, out); err != nil {
		return err
	}
	for round := range m.count {
		fmt.Fprintf(log, "round %d of %d\n", round+1, m.count)
		for _, p := range patterns {
			if p.rounds > 0 && round >= p.rounds {
				continue
			}
			cmd := exec.CommandContext(ctx, binary,
				"-test.run=^$",
				"-test.bench="+p.pattern,
				"-test.benchtime="+cmp.Or(m.benchtime, p.benchtime),
				"-test.timeout=0",
				"-million="+strconv.FormatBool(m.million && round == 0))
			cmd.Dir = source                               // some build programs
			cmd.Env = append(os.Environ(), "GOMAXPROCS=2") // the cores that cases speak of
			cmd.Stdout, cmd.Stderr = out, log
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("running the benchmarks: %w", err)
			}
		}
	}
	return nil
}

// directory is where the benchmarks are.
func directory(ctx context.Context) (string, error) {
	dir, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", pkg).Output()
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", pkg, err)
	}
	return string(bytes.TrimSpace(dir)), nil
}

// benchmarks returns the names of all benchmarks, less "Benchmark".
func benchmarks(ctx context.Context, binary string) (names []string, err error) {
	out, err := exec.CommandContext(ctx, binary, "-test.list=^Benchmark").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the benchmarks: %w", err)
	}
	for _, name := range strings.Fields(string(out)) {
		names = append(names, strings.TrimPrefix(name, "Benchmark"))
	}
	return names, nil
}

// rivals are what Ember is compared with: what the benchmarks call it, and its module.
var rivals = []struct{ impl, name, module string }{
	{"client_golang", "client_golang", "github.com/prometheus/client_golang"},
	{"victoriametrics", "VictoriaMetrics/metrics", "github.com/VictoriaMetrics/metrics"},
	{"otel", "OpenTelemetry", "go.opentelemetry.io/otel/sdk/metric"},
}

// versions writes which versions of them are compared.
func versions(ctx context.Context, out io.Writer) error {
	var all []string
	for _, r := range rivals {
		cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", r.module)
		version, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("asking for the version of %s: %w", r.module, err)
		}
		all = append(all, r.name+" "+string(bytes.TrimSpace(version)))
	}
	_, err := fmt.Fprintf(out, "rivals: %s\n", strings.Join(all, ", "))
	return err
}

// others are what else Ember is compared with: itself without a directory that processes
// share, and, by the same, Python's library.
var others = []string{"heap", "client_python"}

// compared is all that has a column of ratios.
func compared() (impls []string) {
	for _, r := range rivals {
		impls = append(impls, r.impl)
	}
	return append(impls, others...)
}

// pythonVersion writes which version of client_python is compared, if there is one.
func pythonVersion(ctx context.Context, out io.Writer) error {
	const script = `import importlib.metadata, platform
print(importlib.metadata.version("prometheus_client"), "with Python", platform.python_version())`
	version, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", script).Output()
	if err != nil {
		version = []byte("not there")
	}
	_, err = fmt.Fprintf(out, "rivals: client_python %s\n", bytes.TrimSpace(version))
	return err
}

// pattern is what of a class is run.
type pattern struct {
	class
	pattern string // as -test.bench
}

// patterns returns what of these benchmarks the filter lets through, class by class.
func (m *measurement) patterns(names []string) (all []pattern, err error) {
	first, rest, nested := strings.Cut(m.filter, "/")
	if nested {
		rest = "/" + rest
	}
	wanted, err := regexp.Compile(first)
	if err != nil {
		return nil, fmt.Errorf("the filter: %w", err)
	}
	tight := loops
	for _, name := range names {
		if ofMultiproc(name) == m.multiproc && !slices.ContainsFunc(classes, func(c class) bool { return slices.Contains(c.names, name) }) {
			tight.names = append(tight.names, name)
		}
	}
	for _, c := range append([]class{tight}, classes...) {
		var some []string
		for _, name := range c.names {
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("there is no benchmark of the name %q", name)
			}
			if ofMultiproc(name) == m.multiproc && wanted.MatchString("Benchmark"+name) {
				some = append(some, name)
			}
		}
		if len(some) > 0 {
			all = append(all, pattern{c, "^Benchmark(" + strings.Join(some, "|") + ")$" + rest})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no benchmark matches %q", m.filter)
	}
	return all, nil
}
