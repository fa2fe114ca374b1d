// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"
	"time"
)

// procStat is what /proc/PID/stat says; see proc_pid_stat(5).
type procStat struct {
	cpuTicks      uint64 // in user and kernel mode, without waited-for children
	startTicks    uint64 // since the system was booted
	virtualBytes  uint64
	residentPages uint64
}

// Fields of /proc/PID/stat, as the manual numbers them.
const (
	fieldState = 3 // the first after the name
	fieldUtime = 14
	fieldStime = 15
	fieldStart = 22
	fieldVsize = 23
	fieldRSS   = 24 // the last that is read
)

// parseStat parses text, the contents of file. The second field is the name of
// the program in parentheses. That name may hold anything, parentheses, spaces
// and newlines included, but no other field holds a parenthesis.
func parseStat(file string, text []byte) (procStat, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return procStat{}, fmt.Errorf("%s holds %q, without a name in parentheses", file, text)
	}
	rest := text[end+1:]

	var fields [fieldRSS + 1]uint64
	for i := fieldState; i <= fieldRSS; i++ {
		rest = bytes.TrimLeft(rest, " ")
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte(" "))
		switch i {
		case fieldUtime, fieldStime, fieldStart, fieldVsize, fieldRSS:
			n, err := strconv.ParseUint(string(word), 10, 64)
			if err != nil {
				return procStat{}, fmt.Errorf("%s: field %d is %q, which is not a number", file, i, word)
			}
			fields[i] = n
		}
	}
	return procStat{
		cpuTicks:      fields[fieldUtime] + fields[fieldStime],
		startTicks:    fields[fieldStart],
		virtualBytes:  fields[fieldVsize],
		residentPages: fields[fieldRSS],
	}, nil
}

// parseLimit returns the soft limit called name from text, the contents of
// /proc/PID/limits. No limit is the largest number.
func parseLimit(text []byte, name string) (uint64, error) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if len(line) <= len(name) || string(line[:len(name)]) != name || line[len(name)] != ' ' {
			continue
		}
		word, _, _ := bytes.Cut(bytes.TrimLeft(line[len(name):], " "), []byte(" "))
		if string(word) == "unlimited" {
			return math.MaxUint64, nil
		}
		n, err := strconv.ParseUint(string(word), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("the limit %q is %q, which is not a number", name, word)
		}
		return n, nil
	}
	return 0, fmt.Errorf("there is no limit called %q", name)
}

// parseBootTime returns when the system was booted, in Unix seconds, from text,
// the contents of /proc/stat.
func parseBootTime(text []byte) (float64, error) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if word, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(word)), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("btime is %q, which is not a number", word)
			}
			return float64(n), nil
		}
	}
	return 0, fmt.Errorf("there is no line for btime")
}

// bootTime keeps when the system was booted. Finding out is by far the slowest
// read of a scrape, since /proc/stat also sums up the interrupts of every CPU,
// and the answer changes only when the clock is set: then the kernel moves it by
// as much. A device that boots without a clock does that.
type bootTime struct {
	seconds float64
	known   bool
	offset  time.Duration // clockOffset when seconds was read
}

// load returns the boot time, from file if the clock was set since the last
// read. The offset is that of now, from clockOffset.
func (b *bootTime) load(file string, offset time.Duration) (float64, error) {
	if b.known && (offset-b.offset).Abs() < time.Second/2 {
		return b.seconds, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	seconds, err := parseBootTime(text)
	if err != nil {
		return 0, err
	}
	*b = bootTime{seconds, true, offset}
	return seconds, nil
}

// reference is any moment with a monotonic reading.
var reference = time.Now()

// clockOffset returns how far the wall clock is ahead of the monotonic one. It
// changes when the wall clock is set, and also while the system is suspended.
func clockOffset() time.Duration {
	now := time.Now()
	return time.Duration(now.UnixNano()) - now.Sub(reference)
}

// countFDs counts the entries of the directory of a process's descriptors, own
// if it is of the running process. Since Linux 6.2 the directory's size is that
// number. Earlier it is 0, as it is for a process without descriptors: then the
// entries are counted.
func countFDs(dir string, own bool, buf []byte) (int, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Stat(dir, &st)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return 0, &os.PathError{Op: "stat", Path: dir, Err: err}
		}
	}
	if st.Size > 0 {
		return int(st.Size), nil
	}
	n, err := countEntries(dir, buf)
	if own && n > 0 {
		n-- // the descriptor that it was counted through
	}
	return n, err
}

// countEntries counts the entries of a directory without asking what they are.
// It needs buf only while it runs.
func countEntries(dir string, buf []byte) (int, error) {
	fd, err := openFile(dir, syscall.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)

	count := 0
	for {
		n, err := syscall.ReadDirent(fd, buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, &os.PathError{Op: "readdirent", Path: dir, Err: err}
		case n <= 0:
			return count, nil
		}
		count += countDirents(buf[:n])
	}
}

// countDirents counts the records of getdents64(2), but for "." and "..".
func countDirents(buf []byte) int {
	const (
		lengthAt = 16 // after the inode and the offset, 8 bytes each
		nameAt   = 19 // after the length, 2 bytes, and the type, 1 byte
	)
	count := 0
	for len(buf) > nameAt {
		length := int(binary.NativeEndian.Uint16(buf[lengthAt:]))
		if length <= nameAt || length > len(buf) {
			break
		}
		name, _, _ := bytes.Cut(buf[nameAt:length], []byte{0})
		if s := string(name); s != "." && s != ".." {
			count++
		}
		buf = buf[length:]
	}
	return count
}

// readFile returns the start of a file, up to the length of buf, in buf.
func readFile(path string, buf []byte) ([]byte, error) {
	fd, err := openFile(path, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)

	have := 0
	for have < len(buf) {
		n, err := syscall.Read(fd, buf[have:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return buf[:have], nil
		}
		have += n
	}
	return buf, nil
}

// openFile opens path to be read. Its error is a PathError as package os returns,
// so it names the path and errors.Is finds os.ErrNotExist.
func openFile(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|flags, 0)
		if err == nil {
			return fd, nil
		}
		if err != syscall.EINTR {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
