// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

func ownPID() (int, error) { return os.Getpid(), nil }

// processShapes are what [collectors.Process] writes on a system that knows it all.
var processShapes = []shape{
	{"process_cpu_seconds_total", metric.Counter, "seconds", ""},
	{"process_max_fds", metric.Gauge, "", ""},
	{"process_open_fds", metric.Gauge, "", ""},
	{"process_resident_memory_bytes", metric.Gauge, "bytes", ""},
	{"process_start_time_seconds", metric.Gauge, "seconds", ""},
	{"process_virtual_memory_bytes", metric.Gauge, "bytes", ""},
	{"process_virtual_memory_max_bytes", metric.Gauge, "bytes", ""},
}

// unreadable are the families that are missing on this system.
func unreadable() []string {
	switch runtime.GOOS {
	case "linux", "android":
		return nil
	case "darwin", "ios":
		return []string{"process_resident_memory_bytes", "process_virtual_memory_bytes"}
	case "windows":
		return []string{"process_virtual_memory_max_bytes"}
	}
	var all []string
	for _, s := range processShapes {
		all = append(all, s.Name)
	}
	return all
}

// needs skips the test on a system that does not write the family called name.
func needs(t *testing.T, name string) {
	t.Helper()
	for _, missing := range unreadable() {
		if name == missing {
			t.Skip(runtime.GOOS, "does not say")
		}
	}
}

func TestProcessShapes(t *testing.T) {
	missing := strings.Join(unreadable(), " ")
	for name, tc := range map[string]struct {
		opts   collectors.ProcessOpts
		prefix string
	}{
		"own":       {collectors.ProcessOpts{}, ""},
		"own PID":   {collectors.ProcessOpts{PID: ownPID}, ""},
		"namespace": {collectors.ProcessOpts{Namespace: "my_app"}, "my_app_"},
	} {
		t.Run(name, func(t *testing.T) {
			var want []shape
			for _, s := range processShapes {
				if !strings.Contains(missing+" ", s.Name+" ") {
					s.Name = tc.prefix + s.Name
					want = append(want, s)
				}
			}
			require.Equal(t, want, shapes(t, collectors.NewProcess(tc.opts)))
		})
	}
}

func TestProcessCPUGrowsWithWork(t *testing.T) {
	needs(t, "process_cpu_seconds_total")
	p := collectors.NewProcess(collectors.ProcessOpts{})
	before := value(t, p, "process_cpu_seconds_total")
	require.Eventually(t, func() bool {
		for stop := time.Now().Add(50 * time.Millisecond); time.Now().Before(stop); {
			_ = strings.Repeat("work", 1000)
		}
		return value(t, p, "process_cpu_seconds_total") >= before+0.04
	}, 30*time.Second, time.Millisecond)
}

func TestProcessCountsFDs(t *testing.T) {
	needs(t, "process_open_fds")
	if runtime.GOOS == "windows" {
		t.Skip("threads come and go, and each is a handle")
	}
	for name, opts := range map[string]collectors.ProcessOpts{"own": {}, "own PID": {PID: ownPID}} {
		t.Run(name, func(t *testing.T) {
			// The first file that a program opens sets up Go's poller, which has
			// descriptors of its own.
			f, err := os.Open(os.Args[0])
			require.NoError(t, err)
			require.NoError(t, f.Close())

			p := collectors.NewProcess(opts)
			before := value(t, p, "process_open_fds")
			f, err = os.Open(os.Args[0])
			require.NoError(t, err)
			require.Equal(t, before+1, value(t, p, "process_open_fds"))
			require.NoError(t, f.Close())
			require.Equal(t, before, value(t, p, "process_open_fds"))
			require.LessOrEqual(t, before, value(t, p, "process_max_fds"))
		})
	}
}

func TestProcessStartTime(t *testing.T) {
	needs(t, "process_start_time_seconds")
	p := collectors.NewProcess(collectors.ProcessOpts{})
	got := value(t, p, "process_start_time_seconds")
	now := float64(time.Now().UnixNano()) / 1e9
	// A test started some minutes ago at most. The kernel rounds down the time of
	// boot, so the start can be a second off.
	require.Less(t, got, now+1)
	require.Greater(t, got, now-900)
	require.Equal(t, got, value(t, p, "process_start_time_seconds"))
}

func TestProcessMemory(t *testing.T) {
	needs(t, "process_resident_memory_bytes")
	p := collectors.NewProcess(collectors.ProcessOpts{})
	before := value(t, p, "process_resident_memory_bytes")
	require.Greater(t, before, float64(1<<20))
	require.Greater(t, value(t, p, "process_virtual_memory_bytes"), float64(1<<20))

	touched := make([]byte, 64<<20)
	for i := 0; i < len(touched); i += 1024 {
		touched[i] = 1
	}
	require.Greater(t, value(t, p, "process_resident_memory_bytes"), before+32<<20)
	runtime.KeepAlive(touched)
}

func TestProcessPIDFails(t *testing.T) {
	needs(t, "process_cpu_seconds_total")
	broken := errors.New("no PID file")
	for name, tc := range map[string]struct {
		pid  int
		err  error
		want string
	}{
		"error":    {0, broken, "ember: process collector: finding the process: no PID file"},
		"zero":     {0, nil, "ember: process collector: finding the process: its PID is 0, which is not above 0"},
		"negative": {-7, nil, "ember: process collector: finding the process: its PID is -7, which is not above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := collectors.NewProcess(collectors.ProcessOpts{PID: func() (int, error) { return tc.pid, tc.err }})
			var out metric.Sink
			err := p.Collect(t.Context(), &out)
			require.EqualError(t, err, tc.want)
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
			require.Empty(t, out.Families())
		})
	}
}
