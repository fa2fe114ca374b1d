// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"context"
	"fmt"
	"sync"

	"github.com/embermetrics/ember/metric"
)

// ProcessOpts says which process [NewProcess] watches, and under which names.
// The zero ProcessOpts is the program's own process, without a namespace.
type ProcessOpts struct {
	// PID is asked at each scrape for the process to watch, so it may read a PID
	// file. It must be safe for concurrent use. If it fails, so does the scrape
	// of this collector. Nil watches the program's own process.
	//
	// Another process than the program's own can be watched on Linux and Windows.
	PID func() (int, error)

	// Namespace and an underscore go before each name, if it is not empty.
	Namespace string
}

// Process writes what the operating system knows about a process: CPU time,
// memory, file descriptors, their limits and when it started.
//
// What can be read depends on the system. Describe lists only what Collect may
// write there:
//
//	                                   Linux  macOS  Windows
//	process_cpu_seconds_total            x      x       x
//	process_open_fds                     x      x       x   (Windows: handles)
//	process_max_fds                      x      x       x
//	process_virtual_memory_bytes         x              x   (Windows: private bytes)
//	process_virtual_memory_max_bytes     x      x
//	process_resident_memory_bytes        x              x
//	process_start_time_seconds           x      x       x
//
// On any other system it writes nothing. On macOS the start is the moment when
// this package was initialized, some milliseconds late.
//
// A limit that is not set is 1.8446744073709552e+19 on Linux, the largest 64-bit
// number, and 9.223372036854776e+18 on macOS.
//
// # Errors
//
// Collect fails, and then nothing of it is exposed, if ctx is done, if
// ProcessOpts.PID fails, or if the process itself cannot be read: it is gone or,
// on Linux, /proc is not there. The error names the file.
//
// If only some values cannot be read, their series are missing and the others
// are written. This is what happens to file descriptors or limits of another
// user's process: that will not change from one scrape to the next, and CPU and
// memory are worth having meanwhile. A missing value is never written as 0, so
// absent(process_open_fds) finds it.
//
// Use [NewProcess]; the zero Process writes nothing. All methods may be called
// concurrently.
type Process struct {
	pid   func() (int, error)
	descs []metric.Desc // one for each of readable, in its order

	mu     sync.Mutex
	source processSource // guarded by mu: it keeps its buffers between scrapes
}

// ownPID stands for the program's own process, where a PID is expected.
const ownPID = 0

// NewProcess returns a collector of the process that opts name.
func NewProcess(opts ProcessOpts) *Process {
	p := &Process{pid: opts.PID}
	if p.pid == nil {
		p.pid = func() (int, error) { return ownPID, nil }
	} else {
		p.pid = positive(opts.PID)
	}
	for _, v := range readable {
		d := processFamilies[v]
		if opts.Namespace != "" {
			d.Name = opts.Namespace + "_" + d.Name
		}
		p.descs = append(p.descs, d)
	}
	return p
}

func positive(pid func() (int, error)) func() (int, error) {
	return func() (int, error) {
		n, err := pid()
		switch {
		case err != nil:
			return 0, fmt.Errorf("ember: process collector: finding the process: %w", err)
		case n <= 0:
			return 0, fmt.Errorf("ember: process collector: finding the process: its PID is %d, which is not above 0", n)
		}
		return n, nil
	}
}

// Describe returns the description of every family that Collect may write on
// this operating system.
func (p *Process) Describe() []metric.Desc {
	return append([]metric.Desc(nil), p.descs...)
}

// Collect writes what can be read of the process. See [Process] for its errors.
func (p *Process) Collect(ctx context.Context, out *metric.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.descs) == 0 {
		return nil
	}
	pid, err := p.pid()
	if err != nil {
		return err
	}
	got, err := p.read(pid)
	if err != nil {
		return fmt.Errorf("ember: process collector: %w", err)
	}
	for i, v := range readable {
		if got.known[v] {
			out.Add(&p.descs[i], metric.Point{Value: got.values[v]})
		}
	}
	return nil
}

func (p *Process) read(pid int) (processValues, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var got processValues
	err := p.source.read(pid, &got)
	return got, err
}

// processValue is an index of processFamilies.
type processValue int

const (
	cpuSeconds processValue = iota
	openFDs
	maxFDs
	virtualMemory
	maxVirtualMemory
	residentMemory
	startTime
	processValueCount
)

// processValues is what one scrape could read of a process.
type processValues struct {
	values [processValueCount]float64
	known  [processValueCount]bool
}

func (v *processValues) set(which processValue, value float64) {
	v.values[which], v.known[which] = value, true
}

var processFamilies = [processValueCount]metric.Desc{
	cpuSeconds: {
		Name: "process_cpu_seconds_total",
		Help: "CPU time that the process spent in its own code and in the kernel.",
		Unit: "seconds",
		Kind: metric.Counter,
	},
	openFDs: {
		Name: "process_open_fds",
		Help: "File descriptors that the process has open.",
		Kind: metric.Gauge,
	},
	maxFDs: {
		Name: "process_max_fds",
		Help: "How many file descriptors the process may have open.",
		Kind: metric.Gauge,
	},
	virtualMemory: {
		Name: "process_virtual_memory_bytes",
		Help: "Address space that the process has mapped, most of which may never be touched.",
		Unit: "bytes",
		Kind: metric.Gauge,
	},
	maxVirtualMemory: {
		Name: "process_virtual_memory_max_bytes",
		Help: "How much address space the process may map; an enormous number if there is no limit.",
		Unit: "bytes",
		Kind: metric.Gauge,
	},
	residentMemory: {
		Name: "process_resident_memory_bytes",
		Help: "Memory of the process that is in RAM now.",
		Unit: "bytes",
		Kind: metric.Gauge,
	},
	startTime: {
		Name: "process_start_time_seconds",
		Help: "When the process started, as Unix time.",
		Unit: "seconds",
		Kind: metric.Gauge,
		Mode: metric.ModeLiveMin,
	},
}
