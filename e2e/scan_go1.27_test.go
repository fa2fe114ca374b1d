// SPDX-License-Identifier: Apache-2.0

//go:build unix && go1.27

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
)

// TestScanning wants rows that scan their columns themselves to do so.
func TestScanning(t *testing.T) {
	_, socket := startPostgres(t)
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, "pgx", "host="+socket+" user=postgres dbname=postgres sslmode=disable", embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	var numbers []int64
	require.NoError(t, db.QueryRow(`SELECT ARRAY[1, 2, 3]`).Scan(&numbers))
	require.Equal(t, []int64{1, 2, 3}, numbers)
	require.Equal(t, 1.0, value(t, reg, `sql_rows_returned_total{db="default"}`))
}
