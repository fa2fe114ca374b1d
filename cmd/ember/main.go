// SPDX-License-Identifier: Apache-2.0

// Ember serves what processes have counted that share a directory, also when none of them
// lives any more:
//
//	go run github.com/embermetrics/ember/cmd/ember multiproc -dir /run/my-service -addr :8080
//
// The directory is one that package multiproc has opened. It must exist, unless -wait is
// given: then scrapes are answered with 503 until it does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: ember <command> [flags]

commands:
  multiproc   serve the metrics of the processes that share a directory
  help        print this

ember <command> -h says which flags a command has.
`

// errUsage is that the command line is wrong, which has been said.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does what the command line says, until ctx is done.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(log, usage)
		return errUsage
	}
	switch args[0] {
	case "multiproc":
		e, err := parseExporter(args[1:], log)
		if err != nil {
			return err
		}
		return e.run(ctx, out)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(log, usage)
		return nil
	}
	fmt.Fprintf(log, "ember: command %q is not known\n\n%s", args[0], usage)
	return errUsage
}
