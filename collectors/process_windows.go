// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"fmt"
	"syscall"

	"github.com/embermetrics/ember/collectors/internal/winproc"
)

// readable leaves out the limit of the address space, which is that of the
// architecture.
var readable = []processValue{cpuSeconds, openFDs, maxFDs, virtualMemory, residentMemory, startTime}

// maxHandles is how many handles Windows lets any process have.
const maxHandles = 16 << 20

// queryLimitedInformation is the least access that all of read works with.
const queryLimitedInformation = 0x1000

// processSource reads any process that the program may open.
type processSource struct{}

func (*processSource) read(pid int, got *processValues) error {
	h, err := open(pid)
	if err != nil {
		return fmt.Errorf("opening the process %d: %w", pid, err)
	}
	defer syscall.CloseHandle(h) // has no effect on the own process's

	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return fmt.Errorf("reading the times of the process %d: %w", pid, err)
	}
	got.set(startTime, float64(created.Nanoseconds())/1e9)
	got.set(cpuSeconds, (ticks(kernel)+ticks(user))/1e7)
	got.set(maxFDs, maxHandles)

	if m, err := winproc.Memory(h); err == nil {
		got.set(virtualMemory, float64(m.PrivateUsage))
		got.set(residentMemory, float64(m.WorkingSetSize))
	}
	if n, err := winproc.Handles(h); err == nil {
		got.set(openFDs, float64(n))
	}
	return nil
}

func open(pid int) (syscall.Handle, error) {
	if pid == ownPID {
		return syscall.GetCurrentProcess()
	}
	return syscall.OpenProcess(queryLimitedInformation, false, uint32(pid))
}

// ticks returns a duration in units of 100 ns. Filetime.Nanoseconds would take
// it for a date.
func ticks(t syscall.Filetime) float64 {
	return float64(uint64(t.HighDateTime)<<32 | uint64(t.LowDateTime))
}
