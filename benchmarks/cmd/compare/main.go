// SPDX-License-Identifier: Apache-2.0

// Compare runs Ember's benchmarks against its rivals and prints the medians, with
// how many times as long as Ember each case takes client_golang.
//
//	go run ./cmd/compare [flags]
//
// It compiles the benchmarks once and then runs all of them once a round, so that
// a machine that slows down or is disturbed does so to every library alike. All
// results are kept in a file for benchstat.
//
// With -check it exits with status 1 if Ember misses what it promises.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run does what the command's arguments say.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(log)
	var (
		m     measurement
		from  = flags.String("from", "", "compare the results in this `file` instead of measuring")
		to    = flags.String("o", "bench.txt", "keep the results in this `file`")
		check = flags.Bool("check", false, "fail if a promise is missed")
	)
	flags.IntVar(&m.count, "count", 6, "rounds")
	flags.StringVar(&m.benchtime, "benchtime", "300ms", "how long to run each benchmark, as in go test")
	flags.StringVar(&m.filter, "filter", ".", "which benchmarks to run, as -bench in go test")
	flags.BoolVar(&m.million, "million", false, "also scrape 1,000,000 series, which takes minutes")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // it has been said what is wrong
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	name := *from
	if name == "" {
		name = *to
		if err := m.keep(ctx, name, log); err != nil {
			return err
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := read(file, name)
	if err != nil {
		return err
	}
	if err := t.print(out); err != nil || !*check {
		return err
	}
	partial := *from != "" || m.filter != "."
	return t.check(out, partial)
}

// measurement is a run of the benchmarks.
type measurement struct {
	count     int
	benchtime string
	filter    string
	million   bool
}

// keep measures, and writes the results to a file.
func (m *measurement) keep(ctx context.Context, name string, log io.Writer) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(m.run(ctx, file, log), file.Close())
}

// run measures, and writes the results to out as they come.
func (m *measurement) run(ctx context.Context, out, log io.Writer) error {
	dir, err := os.MkdirTemp("", "ember-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "benchmarks.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "github.com/embermetrics/ember/benchmarks")
	build.Stderr = log
	if err := build.Run(); err != nil {
		return fmt.Errorf("compiling the benchmarks: %w", err)
	}

	// benchstat shows lines like these above its tables.
	fmt.Fprintf(out, "go: %s\n", runtime.Version())
	if commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		fmt.Fprintf(out, "commit: %s\n", strings.TrimSpace(string(commit)))
	}
	for round := range m.count {
		fmt.Fprintf(log, "round %d of %d\n", round+1, m.count)
		cmd := exec.CommandContext(ctx, binary,
			"-test.run=^$",
			"-test.bench="+m.filter,
			"-test.benchtime="+m.benchtime,
			"-test.timeout=0",
			"-million="+strconv.FormatBool(m.million))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOMAXPROCS=2") // the cores that cases speak of
		cmd.Stdout, cmd.Stderr = out, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("running the benchmarks: %w", err)
		}
	}
	return nil
}
