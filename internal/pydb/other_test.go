// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package pydb_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
)

func TestUnsupported(t *testing.T) {
	families, problems, err := pydb.New(t.TempDir()).Read(t.Context())
	require.EqualError(t, err, "ember: files of client_python are read on Linux and macOS, and this is "+runtime.GOOS+": unsupported operation")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Empty(t, families)
	require.Empty(t, problems)
}
