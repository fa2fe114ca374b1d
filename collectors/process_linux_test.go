// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

const (
	statText = "1234 (app) S 1 2 3 4 5 6 7 8 9 10 150 75 0 0 20 0 1 0 4250 1073741824 512 18446744073709551615 1 1 0\n"

	limitsText = "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max cpu time              unlimited            unlimited            seconds   \n" +
		"Max open files            1024                 524288               files     \n" +
		"Max address space         unlimited            unlimited            bytes     \n"

	systemText = "cpu  1 2 3\nintr 5 6 7\nbtime 1700000000\nprocesses 9\n"
)

// fakeProc returns a directory that looks like /proc with one process, whose
// descriptors cannot be read.
func fakeProc(t *testing.T, pid string) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, pid)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, text := range map[string]string{
		filepath.Join(dir, "stat"):   statText,
		filepath.Join(dir, "limits"): limitsText,
		filepath.Join(root, "stat"):  systemText,
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	return root
}

func values(t *testing.T, p *collectors.Process) map[string]float64 {
	t.Helper()
	got := make(map[string]float64)
	for name, f := range collect(t, p) {
		got[name] = f.Points[0].Value
	}
	return got
}

func TestProcessReadsProc(t *testing.T) {
	for name, opts := range map[string]collectors.ProcessOpts{
		"self": {},
		"4321": {PID: func() (int, error) { return 4321, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, map[string]float64{
				"process_cpu_seconds_total":        2.25,
				"process_max_fds":                  1024,
				"process_resident_memory_bytes":    512 * float64(os.Getpagesize()),
				"process_start_time_seconds":       1700000042.5,
				"process_virtual_memory_bytes":     1 << 30,
				"process_virtual_memory_max_bytes": math.MaxUint64,
				// process_open_fds is missing, as is the directory
			}, values(t, collectors.NewProcessAt(fakeProc(t, name), opts)))
		})
	}
}

// TestProcessLosesOnlyWhatIsUnreadable breaks one file at a time.
func TestProcessLosesOnlyWhatIsUnreadable(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string // empty text: no file
		missing    []string
	}{
		"no limits":           {"self/limits", "", []string{"process_max_fds", "process_virtual_memory_max_bytes"}},
		"limits garbled":      {"self/limits", "Max open files\x00\nMax address space", []string{"process_max_fds", "process_virtual_memory_max_bytes"}},
		"one limit garbled":   {"self/limits", strings.Replace(limitsText, "1024", "-1024", 1), []string{"process_max_fds"}},
		"one limit missing":   {"self/limits", strings.Replace(limitsText, "address", "addresses", 1), []string{"process_virtual_memory_max_bytes"}},
		"no boot time":        {"stat", "cpu 1 2 3\n", []string{"process_start_time_seconds"}},
		"garbled boot time":   {"stat", "btime soon\n", []string{"process_start_time_seconds"}},
		"no system's stat":    {"stat", "", []string{"process_start_time_seconds"}},
		"more of the limits":  {"self/limits", limitsText + strings.Repeat("x", 10000), nil},
		"stat of newer Linux": {"self/stat", strings.TrimSpace(statText) + " 1 2 3 4\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := fakeProc(t, "self")
			want := values(t, collectors.NewProcessAt(root, collectors.ProcessOpts{}))
			for _, m := range tc.missing {
				require.Contains(t, want, m)
				delete(want, m)
			}
			path := filepath.Join(root, tc.file)
			require.NoError(t, os.Remove(path))
			if tc.text != "" {
				require.NoError(t, os.WriteFile(path, []byte(tc.text), 0o644))
			}
			require.Equal(t, want, values(t, collectors.NewProcessAt(root, collectors.ProcessOpts{})))
		})
	}
}

func TestProcessNamesUnreadableFile(t *testing.T) {
	for name, tc := range map[string]struct {
		text *string // of stat; nil: no file
		want string  // %s is the file
	}{
		"missing":     {nil, "ember: process collector: open %s: no such file or directory"},
		"empty":       {new(string), `ember: process collector: %s holds "", without a name in parentheses`},
		"cut off":     {new(statText[:strings.Index(statText, " 75")]), `ember: process collector: %s: field 15 is "", which is not a number`},
		"not numbers": {new(strings.Replace(statText, "1073741824", "1e9", 1)), `ember: process collector: %s: field 23 is "1e9", which is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			root := fakeProc(t, "self")
			file := filepath.Join(root, "self", "stat")
			require.NoError(t, os.Remove(file))
			if tc.text != nil {
				require.NoError(t, os.WriteFile(file, []byte(*tc.text), 0o644))
			}
			var out metric.Sink
			err := collectors.NewProcessAt(root, collectors.ProcessOpts{}).Collect(t.Context(), &out)
			require.EqualError(t, err, fmt.Sprintf(tc.want, file))
			require.Empty(t, out.Families())
		})
	}
}

func TestProcessIsGone(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	p := collectors.NewProcess(collectors.ProcessOpts{PID: func() (int, error) { return cmd.Process.Pid, nil }})
	require.Positive(t, value(t, p, "process_virtual_memory_bytes"))
	require.GreaterOrEqual(t, value(t, p, "process_open_fds"), 3.0)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	var out metric.Sink
	err := p.Collect(t.Context(), &out)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "/proc/"+strconv.Itoa(cmd.Process.Pid)+"/stat")
}

func TestProcessAgreesWithKernel(t *testing.T) {
	p := collectors.NewProcess(collectors.ProcessOpts{})

	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var pages, resident float64
	_, err = fmt.Sscan(string(text), &pages, &resident)
	require.NoError(t, err)
	size := float64(os.Getpagesize())
	require.InEpsilon(t, pages*size, value(t, p, "process_virtual_memory_bytes"), 0.1)
	require.InEpsilon(t, resident*size, value(t, p, "process_resident_memory_bytes"), 0.2)

	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.Equal(t, float64(limit.Cur), value(t, p, "process_max_fds"))
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_AS, &limit))
	require.Equal(t, float64(limit.Cur), value(t, p, "process_virtual_memory_max_bytes"))

	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	cpu := float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	require.InDelta(t, cpu, value(t, p, "process_cpu_seconds_total"), 0.1)
}

func ExampleProcess() {
	p := collectors.NewProcess(collectors.ProcessOpts{Namespace: "worker"})

	for _, d := range p.Describe() {
		if d.Unit == "seconds" {
			fmt.Println(d.Kind, d.Name)
		}
	}
	// Output:
	// counter worker_process_cpu_seconds_total
	// gauge worker_process_start_time_seconds
}
