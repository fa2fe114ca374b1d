// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFacesAreGenerated(t *testing.T) {
	b, err := os.ReadFile("../../faces.go")
	require.NoError(t, err)
	require.Equal(t, generate(), string(b), "go generate ./emberhttp")
}
