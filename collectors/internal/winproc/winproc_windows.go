// SPDX-License-Identifier: Apache-2.0

// Package winproc asks Windows for the memory and the handles of a process: two
// calls that the standard library has no functions for.
//
// Calling them takes unsafe pointers to the results, which is why it is a
// package of its own. Both functions are in kernel32.dll, which every process
// has loaded, so no library is searched for.
package winproc

import (
	"syscall"
	"unsafe"
)

var (
	kernel32              = syscall.NewLazyDLL("kernel32.dll")
	getProcessMemoryInfo  = kernel32.NewProc("K32GetProcessMemoryInfo")
	getProcessHandleCount = kernel32.NewProc("GetProcessHandleCount")
)

// MemoryCounters is PROCESS_MEMORY_COUNTERS_EX of the Windows API. All sizes are
// in bytes.
type MemoryCounters struct {
	size                       uint32 // of this struct; set by Memory
	PageFaultCount             uint32
	PeakWorkingSetSize         uintptr
	WorkingSetSize             uintptr
	QuotaPeakPagedPoolUsage    uintptr
	QuotaPagedPoolUsage        uintptr
	QuotaPeakNonPagedPoolUsage uintptr
	QuotaNonPagedPoolUsage     uintptr
	PagefileUsage              uintptr
	PeakPagefileUsage          uintptr
	PrivateUsage               uintptr
}

// Memory returns the memory counters of the process h.
func Memory(h syscall.Handle) (MemoryCounters, error) {
	var m MemoryCounters
	m.size = uint32(unsafe.Sizeof(m))
	if err := getProcessMemoryInfo.Find(); err != nil {
		return MemoryCounters{}, err
	}
	ok, _, err := getProcessMemoryInfo.Call(uintptr(h), uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m))
	if ok == 0 {
		return MemoryCounters{}, err
	}
	return m, nil
}

// Handles returns how many handles the process h has open.
func Handles(h syscall.Handle) (uint32, error) {
	if err := getProcessHandleCount.Find(); err != nil {
		return 0, err
	}
	var n uint32
	ok, _, err := getProcessHandleCount.Call(uintptr(h), uintptr(unsafe.Pointer(&n)))
	if ok == 0 {
		return 0, err
	}
	return n, nil
}
