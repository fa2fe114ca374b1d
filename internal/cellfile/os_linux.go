// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// allocate makes a file n bytes longer and has its space reserved.
func allocate(fd int, at, n int64) error {
	err := again(func() error { return syscall.Fallocate(fd, 0, at, n) })
	switch err {
	case syscall.EOPNOTSUPP, syscall.ENOSYS: // a filesystem that cannot
		return writeZeros(fd, at, n)
	}
	return err
}

// onTmpfs reports whether a directory is in memory.
func onTmpfs(dir string) knownBool {
	var st syscall.Statfs_t
	if err := again(func() error { return syscall.Statfs(dir, &st) }); err != nil {
		return knownBool{}
	}
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	t := uint32(st.Type) // of 32 bits or 64, and signed on some machines
	return knownBool{value: t == tmpfs || t == ramfs, known: true}
}

// processStart returns the 22nd field of /proc/self/stat, see proc_pid_stat(5).
func processStart() uint64 {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// The second field is a name in parentheses, of any characters.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return 0
	}
	n, _ := strconv.ParseUint(string(fields[19]), 10, 64)
	return n
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}
