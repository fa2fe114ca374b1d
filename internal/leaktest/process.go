// SPDX-License-Identifier: Apache-2.0

package leaktest

import (
	"os/exec"
	"strconv"
	"testing"
)

// KillWith has a process that was started killed if the tests are killed, which run no
// cleanups then. It does so by a shell that reads until the tests let go of it, as the kernel
// does for them; where there is no shell it does nothing. Call it after the cleanup that ends
// the process is registered, so that the shell ends first.
func KillWith(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		return
	}
	watch := exec.Command(sh, "-c", "cat; kill -9 "+strconv.Itoa(cmd.Process.Pid))
	if _, err := watch.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		watch.Process.Kill()
		watch.Wait()
	})
}
