// SPDX-License-Identifier: Apache-2.0

package leaktest

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A process ends with tests that are killed. The tests are this program once more; the
// process is cat, which ends otherwise when the test here lets go of it.
func TestKillWith(t *testing.T) {
	for _, name := range []string{"sh", "cat"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is missing", name)
		}
	}
	if os.Getenv("LEAKTEST_KILLED") != "" {
		cmd := exec.Command("cat")
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		KillWith(t, cmd)
		os.Stderr.WriteString("started\n")
		select {} // until it is killed
	}
	tests := exec.Command(os.Args[0], "-test.run=^TestKillWith$")
	tests.Env = append(os.Environ(), "LEAKTEST_KILLED=1")
	input, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	tests.Stdin, tests.Stdout = input, output
	stderr, err := tests.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tests.Start(); err != nil {
		t.Fatal(err)
	}
	input.Close()
	output.Close()
	started := make([]byte, len("started\n"))
	if _, err := io.ReadFull(stderr, started); err != nil {
		t.Fatalf("%q, %v", started, err)
	}
	tests.Process.Kill()
	tests.Wait()
	late := time.AfterFunc(20*time.Second, func() { ours.Close() })
	// cat has the output as long as it lives, and nobody else has.
	if _, err := io.Copy(io.Discard, theirs); err != nil {
		t.Fatal(err)
	}
	if !late.Stop() {
		t.Fatal("the process goes on")
	}
}
