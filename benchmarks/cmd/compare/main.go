// SPDX-License-Identifier: Apache-2.0

// Compare runs Ember's benchmarks against its rivals and prints the medians, with
// how many times as long as Ember each case takes the others.
//
//	go run ./cmd/compare [flags]
//
// It compiles the benchmarks once and then runs all of them once a round, so that
// a machine that slows down or is disturbed does so to every library alike. All
// results are kept in a file for benchstat.
//
// With -multiproc it measures instead what it costs that many processes are scraped as
// one, which has results of its own.
//
// With -check it exits with status 1 if Ember misses what it promises. With -document
// it writes docs/performance.md and the README's table from the results, and exits
// with status 1 if missed.md does not explain just the promises that were missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
		m        measurement
		from     = flags.String("from", "", "compare the results in this `file` instead of measuring")
		to       = flags.String("o", "bench.txt", "keep the results in this `file`")
		check    = flags.Bool("check", false, "fail if a promise is missed")
		document = flags.Bool("document", false, "write docs/performance.md and the README's table")
	)
	flags.IntVar(&m.count, "count", 10, "rounds")
	flags.StringVar(&m.benchtime, "benchtime", "", "how long to run each benchmark, as in go test, instead of as long as is right for its kind")
	flags.StringVar(&m.filter, "filter", ".", "which benchmarks to run, as -bench in go test")
	flags.BoolVar(&m.multiproc, "multiproc", false, "measure many processes that are scraped as one, and nothing else")
	flags.BoolVar(&m.million, "million", true, "in the first round, have the rivals scraped with 1,000,000 series, which takes minutes")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // it has been said what is wrong
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	// What the results say about how they came about, which is not where they went.
	m.command = "go run ./cmd/compare"
	flags.Visit(func(f *flag.Flag) {
		if strings.Contains(" count benchtime filter million multiproc ", " "+f.Name+" ") {
			m.command += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		}
	})

	name := *from
	if name == "" {
		name = *to
		if err := m.keep(ctx, name, log); err != nil {
			return err
		}
	}
	t, err := readFile(name)
	if err != nil {
		return err
	}
	if err := t.print(out); err != nil {
		return err
	}
	var failed error
	if *document {
		dir, err := directory(ctx)
		if err != nil {
			return err
		}
		failed = t.documentIn(dir, m.multiproc)
	}
	if *check {
		failed = errors.Join(failed, t.check(out, promisesOf(m.multiproc), m.partial()))
	}
	return failed
}
