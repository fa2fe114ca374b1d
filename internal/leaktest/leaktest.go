// SPDX-License-Identifier: Apache-2.0

// Package leaktest fails a package's tests if they leave a goroutine behind:
//
//	func TestMain(m *testing.M) { leaktest.Main(m) }
//
// A goroutine has two seconds to end after the last test. KillWith is for processes that
// tests start. Both are for tests alone.
package leaktest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main runs the tests, then each of after, and exits. While fuzzing, when goroutines are the
// engine's, it checks nothing.
func Main(m *testing.M, after ...func()) {
	before := goroutines()
	code := m.Run()
	if code == 0 && flag.Lookup("test.fuzz").Value.String() == "" {
		if left := survivors(before, 2*time.Second); len(left) > 0 {
			fmt.Printf("FAIL: %d goroutines outlive the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
			code = 1
		}
	}
	for _, f := range after {
		f()
	}
	os.Exit(code)
}

// goroutines returns the stack of every goroutine but the caller's, by the
// goroutine's number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := make(map[string]string)
	for i, stack := range strings.Split(strings.TrimSpace(string(buf)), "\n\n") {
		if i > 0 { // the caller's comes first
			id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
			all[id] = stack
		}
	}
	return all
}

// survivors returns the goroutines that are not in before, once they have had
// time to end.
func survivors(before map[string]string, patience time.Duration) []string {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var left []string
		for id, stack := range goroutines() {
			if _, ok := before[id]; !ok {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
