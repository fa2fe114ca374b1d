// SPDX-License-Identifier: Apache-2.0

//go:build !race && (linux || darwin)

package cellfile_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

func TestValuesAllocatesNothing(t *testing.T) {
	f := create(t, cellfile.Limits{})
	for i := range 5000 {
		add(t, f, 1, fmt.Sprintf("key %d", i), 1, 2, 3)
	}
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := r.Values(); err != nil {
			t.Error(err)
		}
	}))
	// Refresh asks the system for the size of the file.
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if err := r.Read(); err != nil {
			t.Error(err)
		}
	}), 4.0)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		r.At(4000)
	}), 0.0)
}
