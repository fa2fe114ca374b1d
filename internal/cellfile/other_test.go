// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package cellfile_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

func TestUnsupported(t *testing.T) {
	want := "ember: cell files need Linux or macOS, and this is " + runtime.GOOS + ": unsupported operation"
	_, err := cellfile.Create(t.TempDir(), cellfile.Limits{})
	require.EqualError(t, err, want)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = cellfile.Open("x")
	require.EqualError(t, err, want)
	_, err = cellfile.Sweep(t.TempDir())
	require.EqualError(t, err, want)
}
