// SPDX-License-Identifier: Apache-2.0

package winproc_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors/internal/winproc"
)

func TestOwnProcess(t *testing.T) {
	h, err := syscall.GetCurrentProcess()
	require.NoError(t, err)

	m, err := winproc.Memory(h)
	require.NoError(t, err)
	require.NotZero(t, m.WorkingSetSize)
	require.NotZero(t, m.PrivateUsage)
	require.LessOrEqual(t, m.WorkingSetSize, m.PeakWorkingSetSize)

	n, err := winproc.Handles(h)
	require.NoError(t, err)
	require.NotZero(t, n)
}

func TestClosedHandle(t *testing.T) {
	_, err := winproc.Memory(syscall.Handle(0))
	require.Error(t, err)
	_, err = winproc.Handles(syscall.Handle(0))
	require.Error(t, err)
}
