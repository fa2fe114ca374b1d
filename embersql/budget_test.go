// SPDX-License-Identifier: Apache-2.0

//go:build !race

package embersql_test

import (
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
)

// TestAllocations pins what the wrapper allocates for each operation of a driver that
// allocates nothing.
func TestAllocations(t *testing.T) {
	ctx := embersql.WithQueryName(t.Context(), "named")
	for name, opts := range map[string]embersql.Options{
		"plain":   {},
		"named":   {QueryName: embersql.QueryName},
		"reasons": {ErrorReason: func(error) string { return "mine" }},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			q := &quiet{result: driver.RowsAffected(1)}
			connector := embersql.WrapConnector(reg, quietConnector{q}, opts)
			conn, err := connector.Connect(ctx)
			require.NoError(t, err)
			s, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, "")
			require.NoError(t, err)
			tx, err := conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
			require.NoError(t, err)
			rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "", nil)
			require.NoError(t, err)
			for name, tc := range map[string]struct {
				want float64
				do   func()
			}{
				"connect":         {2, func() { connector.Connect(ctx) }},
				"exec":            {0, func() { conn.(driver.ExecerContext).ExecContext(ctx, "", nil) }},
				"exec that fails": {0, func() { conn.(driver.ExecerContext).ExecContext(ctx, "fail", nil) }},
				"query":           {1, func() { conn.(driver.QueryerContext).QueryContext(ctx, "", nil) }},
				"prepare":         {1, func() { conn.(driver.ConnPrepareContext).PrepareContext(ctx, "") }},
				"begin":           {1, func() { conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{}) }},
				"commit":          {0, func() { tx.Commit() }},
				"rollback":        {0, func() { tx.Rollback() }},
				"ping":            {0, func() { conn.(driver.Pinger).Ping(ctx) }},
				"reset":           {0, func() { conn.(driver.SessionResetter).ResetSession(ctx) }},
				"statement exec":  {0, func() { s.(driver.StmtExecContext).ExecContext(ctx, nil) }},
				"statement query": {1, func() { s.(driver.StmtQueryContext).QueryContext(ctx, nil) }},
				"row":             {0, func() { rows.Next(nil) }},
				"rows closed":     {0, func() { rows.Next(nil); rows.Close() }},
			} {
				tc.do()
				require.Equal(t, tc.want, testing.AllocsPerRun(1000, tc.do), name)
			}
		})
	}
}

func BenchmarkExec(b *testing.B) {
	q := &quiet{result: driver.RowsAffected(1)}
	ctx := b.Context()
	for name, conn := range map[string]driver.Conn{
		"bare":    quietConn{q},
		"wrapped": connect(b, ember.NewRegistry(), quietConnector{q}, embersql.Options{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn.(driver.ExecerContext).ExecContext(ctx, "", nil)
			}
		})
	}
}

func BenchmarkQuery(b *testing.B) {
	q := &quiet{}
	ctx := b.Context()
	for name, conn := range map[string]driver.Conn{
		"bare":    quietConn{q},
		"wrapped": connect(b, ember.NewRegistry(), quietConnector{q}, embersql.Options{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, _ := conn.(driver.QueryerContext).QueryContext(ctx, "", nil)
				rows.Next(nil)
				rows.Close()
			}
		})
	}
}

func BenchmarkRow(b *testing.B) {
	for name, conn := range map[string]driver.Conn{
		"bare":    quietConn{&quiet{}},
		"wrapped": connect(b, ember.NewRegistry(), quietConnector{&quiet{}}, embersql.Options{}),
	} {
		b.Run(name, func(b *testing.B) {
			rows, _ := conn.(driver.QueryerContext).QueryContext(b.Context(), "", nil)
			b.ReportAllocs()
			for b.Loop() {
				rows.Next(nil)
			}
		})
	}
}
