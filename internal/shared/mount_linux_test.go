// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// mount mounts a filesystem in memory until the test ends.
func mount(t *testing.T, path, options string) {
	if os.Geteuid() != 0 {
		t.Skip("cannot apply: only root can mount the filesystem that is to be full")
	}
	if err := syscall.Mount("cells", path, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot apply: this system, a container say, lets nobody mount the filesystem that is to be full: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(path, syscall.MNT_DETACH)) })
}
