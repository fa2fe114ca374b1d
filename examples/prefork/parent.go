// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// pause is how long the parent waits before it replaces a worker, in case that none of
// them can live.
const pause = 100 * time.Millisecond

// supervise has workers answer on an address until ctx is done.
func supervise(ctx context.Context, addr string, workers int) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case workers < 1 || workers > 100:
		return fmt.Errorf("-workers %d is not between 1 and 100", workers)
	}
	listener, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use already; choose another address with -addr", addr)
	case err != nil:
		return err
	}
	defer listener.Close()
	socket, err := inheritable(listener.(*net.TCPListener))
	if err != nil {
		return err
	}
	defer socket.Close()

	// What was counted ends with the parent here, as it does with any service.
	dir, err := os.MkdirTemp(memory(), "prefork-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	shared, err := multiproc.Open(dir) // the parent counts too
	if err != nil {
		return err
	}
	defer shared.Close()
	started := ember.NewRegistry(ember.WithMultiproc(shared)).NewCounter(ember.CounterOpts{
		Name: "workers_started_total",
		Help: "Workers started, those included that took the place of others.",
	})

	fmt.Printf("metrics: http://%[1]s/metrics\ntry:     http://%[1]s/\nCtrl-C stops.\n", listener.Addr())
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				started.Inc()
				if err := runWorker(ctx, socket, dir); ctx.Err() == nil {
					log.Printf("a worker has ended (%v), another one takes its place", err)
				}
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	all.Wait()
	return nil
}

// runWorker starts a worker and waits for its end, which it asks for when ctx is done.
func runWorker(ctx context.Context, socket *os.File, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	cmd.ExtraFiles = []*os.File{socket} // which is descriptor 3 there
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * grace                             // then it is killed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent alone
	alive, err := cmd.StdinPipe()                         // ends with the parent, however that ends
	if err != nil {
		return err
	}
	defer alive.Close()
	return cmd.Run()
}

// inheritable returns the listener's socket for workers to listen on. All accept from the
// one queue, so no connection is lost with a worker that had not accepted it yet. With
// SO_REUSEPORT each worker would have a queue of its own, which dies with it, and macOS
// would not share connections out.
//
// The file that File returns would do, but that starting a worker makes it block, and the
// socket is the same for all: a worker in accept could not end then.
func inheritable(l *net.TCPListener) (*os.File, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	if err := raw.Control(func(own uintptr) { fd, failed = syscall.Dup(int(own)) }); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, os.NewSyscallError("dup", failed)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "listener"), nil
}

// memory returns where files are in memory, if that is known.
func memory() string {
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err != nil {
		return ""
	}
	return shm
}
