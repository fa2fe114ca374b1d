// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// keepVariable is set in the process between this program and Prometheus, to the
// directory that Prometheus uses.
const keepVariable = "FULLSTACK_KEEP"

// keep runs a command until it ends, or until stdin does: its other end is open until the
// parent process closes it or ends, however that happens. Then keep removes dir.
func keep(dir string, command []string) {
	defer os.RemoveAll(dir)
	// The parent heeds these. They come here as well if they are for all processes of a
	// terminal.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	// It is killed then, for it has nothing that is of use afterwards.
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
