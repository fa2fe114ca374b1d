// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"os"
	"strconv"
)

var readable = []processValue{
	cpuSeconds, openFDs, maxFDs, virtualMemory, maxVirtualMemory, residentMemory, startTime,
}

// ticksPerSecond is USER_HZ, the unit of time in /proc. It is 100 on every
// architecture that Go runs on, whatever the kernel's own clock ticks at.
const ticksPerSecond = 100

// processSource reads /proc with bare system calls: package os would allocate
// several times for each file, and try to poll it.
type processSource struct {
	root  string // instead of /proc, if not empty
	buf   [4096]byte
	boot  bootTime
	paths procPaths // of the process read last
}

// procPaths are the files that one process is read from.
type procPaths struct {
	pid              int
	system           string // /proc/stat
	stat, limits, fd string // in /proc/PID
}

func (s *processSource) pathsOf(pid int) *procPaths {
	if s.paths.pid == pid && s.paths.stat != "" {
		return &s.paths
	}
	root := s.root
	if root == "" {
		root = "/proc"
	}
	dir := root + "/self"
	if pid != ownPID {
		dir = root + "/" + strconv.Itoa(pid)
	}
	s.paths = procPaths{pid, root + "/stat", dir + "/stat", dir + "/limits", dir + "/fd"}
	return &s.paths
}

func (s *processSource) read(pid int, got *processValues) error {
	paths := s.pathsOf(pid)

	text, err := readFile(paths.stat, s.buf[:])
	if err != nil {
		return err
	}
	stat, err := parseStat(paths.stat, text)
	if err != nil {
		return err
	}
	got.set(cpuSeconds, float64(stat.cpuTicks)/ticksPerSecond)
	got.set(virtualMemory, float64(stat.virtualBytes))
	got.set(residentMemory, float64(stat.residentPages)*float64(os.Getpagesize()))
	if boot, err := s.boot.load(paths.system, clockOffset()); err == nil {
		got.set(startTime, boot+float64(stat.startTicks)/ticksPerSecond)
	}

	if text, err := readFile(paths.limits, s.buf[:]); err == nil {
		if n, err := parseLimit(text, "Max open files"); err == nil {
			got.set(maxFDs, float64(n))
		}
		if n, err := parseLimit(text, "Max address space"); err == nil {
			got.set(maxVirtualMemory, float64(n))
		}
	}

	own := pid == ownPID || pid == os.Getpid()
	if n, err := countFDs(paths.fd, own, s.buf[:]); err == nil {
		got.set(openFDs, float64(n))
	}
	return nil
}
