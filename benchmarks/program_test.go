// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// bare is the program without metrics.
const bare = "bare"

// programs are in a directory each: an HTTP server with a counter, a histogram and a
// handler for scrapes, which ends as soon as it would listen.
var programs = []library{emberLib, clientLib, victoriaLib, otelLib}

// BenchmarkBinary weighs by how many bytes a library makes an HTTP server larger, with
// and without symbols and debug information. It is exact.
func BenchmarkBinary(b *testing.B) {
	for _, symbols := range []bool{true, false} {
		for _, p := range programs {
			b.Run(fmt.Sprintf("symbols=%t/impl=%s", symbols, p), func(b *testing.B) {
				built := build(b, symbols)
				b.ReportMetric(float64(built.size(b, string(p))-built.size(b, bare)), "added-B")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkStart runs a program from exec to exit: it makes its metrics, and ends.
// added-ns is how much longer that takes than a program without metrics, which runs
// before each: the difference of the fastest, for what makes one slow is not in them.
func BenchmarkStart(b *testing.B) {
	built := build(b, true)
	for _, p := range programs {
		b.Run("impl="+string(p), func(b *testing.B) {
			without, with := time.Hour, time.Hour
			for range b.N {
				without = min(without, built.run(b, bare))
				with = min(with, built.run(b, string(p)))
			}
			b.ReportMetric(float64((with - without).Nanoseconds()), "added-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// built is a directory with all the programs.
type built string

func (dir built) size(b *testing.B, program string) int64 {
	info, err := os.Stat(filepath.Join(string(dir), program))
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

func (dir built) run(b *testing.B, program string) time.Duration {
	cmd := exec.Command(filepath.Join(string(dir), program))
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v", program, err)
	}
	return time.Since(start)
}

// builds are kept until TestMain's end.
var (
	builds     = make(map[bool]built)
	buildsLock sync.Mutex
)

// build compiles the programs, once a process for each way, without what differs between
// machines.
func build(b *testing.B, symbols bool) built {
	buildsLock.Lock()
	defer buildsLock.Unlock()
	if dir, ok := builds[symbols]; ok {
		return dir
	}
	dir, err := os.MkdirTemp("", "ember-benchmarks-")
	if err != nil {
		b.Fatal(err)
	}
	builds[symbols] = built(dir)
	flags := ""
	if !symbols {
		flags = "-s -w"
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags="+flags, "-o", dir+string(filepath.Separator), "./programs/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return builds[symbols]
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range builds {
		os.RemoveAll(string(dir))
	}
	os.Exit(code)
}
