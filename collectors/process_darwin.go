// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// readable leaves out the current memory, which takes cgo to ask for: getrusage
// knows only its peak.
var readable = []processValue{cpuSeconds, openFDs, maxFDs, maxVirtualMemory, startTime}

// initialized stands for the start of the process, which takes cgo or unsafe to
// ask for.
var initialized = time.Now()

// processSource reads the program's own process by system calls.
type processSource struct{}

func (*processSource) read(pid int, got *processValues) error {
	if pid != ownPID && pid != os.Getpid() {
		return fmt.Errorf("on macOS only the own process %d can be watched, not %d", os.Getpid(), pid)
	}
	got.set(startTime, float64(initialized.UnixNano())/1e9)

	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil {
		got.set(cpuSeconds, float64(used.Utime.Nano()+used.Stime.Nano())/1e9)
	}
	if n, err := countFDs(); err == nil {
		got.set(openFDs, float64(n))
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		got.set(maxFDs, float64(limit.Cur))
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err == nil {
		got.set(maxVirtualMemory, float64(limit.Cur))
	}
	return nil
}

// countFDs counts the names in /dev/fd, without asking for what they are.
func countFDs() (int, error) {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return 0, err
	}
	defer dir.Close()

	n := -1 // dir itself
	for {
		names, err := dir.Readdirnames(128)
		n += len(names)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
