// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"context"
	"database/sql/driver"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
)

// panics is a driver that panics when it is told to, or ends the goroutine.
type panics struct {
	on   bool
	exit bool
}

func (p *panics) act() {
	switch {
	case p.on && p.exit:
		runtime.Goexit()
	case p.on:
		panic("the driver's own")
	}
}

func (p *panics) Connect(context.Context) (driver.Conn, error) { p.act(); return p, nil }

func (p *panics) Driver() driver.Driver { return nil }

func (p *panics) Prepare(string) (driver.Stmt, error) { p.act(); return panicStmt{p}, nil }

func (p *panics) Close() error { p.act(); return nil }

func (p *panics) Begin() (driver.Tx, error) { p.act(); return p, nil }

func (p *panics) Commit() error { p.act(); return nil }

func (p *panics) Rollback() error { p.act(); return nil }

func (p *panics) Ping(context.Context) error { p.act(); return nil }

func (p *panics) ResetSession(context.Context) error { p.act(); return nil }

func (p *panics) Exec(string, []driver.Value) (driver.Result, error) { p.act(); return p, nil }

func (p *panics) Query(string, []driver.Value) (driver.Rows, error) {
	p.act()
	return panicRows{p}, nil
}

func (p *panics) LastInsertId() (int64, error) { return 0, nil }

func (p *panics) RowsAffected() (int64, error) { return 1, nil }

type panicStmt struct{ *panics }

func (p panicStmt) NumInput() int                              { return -1 }
func (p panicStmt) Exec([]driver.Value) (driver.Result, error) { p.act(); return p, nil }
func (p panicStmt) Query([]driver.Value) (driver.Rows, error) {
	p.act()
	return panicRows(p), nil
}

type panicRows struct{ *panics }

func (p panicRows) Columns() []string         { return nil }
func (p panicRows) Next([]driver.Value) error { p.act(); return nil }
func (p panicRows) HasNextResultSet() bool    { return true }
func (p panicRows) NextResultSet() error      { p.act(); return nil }

// TestPanics wants a call that does not return to be one that failed, and the panic to
// reach whoever would have had it without.
func TestPanics(t *testing.T) {
	for name, tc := range map[string]struct {
		operation string
		do        func(context.Context, driver.Connector, driver.Conn, driver.Stmt, driver.Tx, driver.Rows)
	}{
		"connect": {"connect", func(ctx context.Context, c driver.Connector, _ driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.Connect(ctx)
		}},
		"ping": {"ping", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.Pinger).Ping(ctx)
		}},
		"prepare": {"prepare", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.ConnPrepareContext).PrepareContext(ctx, "")
		}},
		"query": {"query", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.QueryerContext).QueryContext(ctx, "", nil)
		}},
		"exec": {"exec", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.ExecerContext).ExecContext(ctx, "", nil)
		}},
		"statement query": {"query", func(ctx context.Context, _ driver.Connector, _ driver.Conn, s driver.Stmt, _ driver.Tx, _ driver.Rows) {
			s.(driver.StmtQueryContext).QueryContext(ctx, nil)
		}},
		"statement exec": {"exec", func(ctx context.Context, _ driver.Connector, _ driver.Conn, s driver.Stmt, _ driver.Tx, _ driver.Rows) {
			s.(driver.StmtExecContext).ExecContext(ctx, nil)
		}},
		"begin": {"begin", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
		}},
		"commit": {"commit", func(_ context.Context, _ driver.Connector, _ driver.Conn, _ driver.Stmt, tx driver.Tx, _ driver.Rows) {
			tx.Commit()
		}},
		"rollback": {"rollback", func(_ context.Context, _ driver.Connector, _ driver.Conn, _ driver.Stmt, tx driver.Tx, _ driver.Rows) {
			tx.Rollback()
		}},
		"reset": {"reset", func(ctx context.Context, _ driver.Connector, c driver.Conn, _ driver.Stmt, _ driver.Tx, _ driver.Rows) {
			c.(driver.SessionResetter).ResetSession(ctx)
		}},
		"reading": {"fetch", func(_ context.Context, _ driver.Connector, _ driver.Conn, _ driver.Stmt, _ driver.Tx, r driver.Rows) {
			r.Next(nil)
		}},
		"closing rows": {"fetch", func(_ context.Context, _ driver.Connector, _ driver.Conn, _ driver.Stmt, _ driver.Tx, r driver.Rows) {
			r.Close()
		}},
		"the next rows": {"fetch", func(_ context.Context, _ driver.Connector, _ driver.Conn, _ driver.Stmt, _ driver.Tx, r driver.Rows) {
			r.(driver.RowsNextResultSet).NextResultSet()
		}},
	} {
		for how, exit := range map[string]bool{"panics": false, "ends the goroutine": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				reg := ember.NewRegistry()
				p := &panics{exit: exit}
				ctx, cancel := context.WithCancel(embersql.WithQueryName(t.Context(), "named"))
				defer cancel()
				connector := embersql.WrapConnector(reg, p, embersql.Options{
					QueryName:   embersql.QueryName,
					ErrorReason: func(error) string { return "asked about what is no error" },
				})
				conn, err := connector.Connect(ctx)
				require.NoError(t, err)
				stmt, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, "")
				require.NoError(t, err)
				tx, err := conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
				require.NoError(t, err)
				rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "", nil)
				require.NoError(t, err)
				count := func() []string {
					return lines(t, reg, `^sql_operation_duration_seconds_count.*operation="`+tc.operation+`"`)
				}
				before := count()

				p.on = true
				var value any
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { value = recover() }()
					tc.do(ctx, connector, conn, stmt, tx, rows)
				})
				wg.Wait()
				if exit {
					require.Nil(t, value)
				} else {
					require.Equal(t, "the driver's own", value)
				}
				require.Equal(t, []string{`sql_errors_total{db="default",operation="` + tc.operation + `",reason="error"} 1`}, lines(t, reg, "^sql_errors_total"))
				switch tc.operation {
				case "fetch", "reset":
				case "query", "exec":
					require.Equal(t, []string{`sql_query_errors_total{db="default",query="named"} 1`}, lines(t, reg, "^sql_query_errors_total"))
					fallthrough
				default:
					require.NotEqual(t, before, count(), "it took its time")
				}
			})
		}
	}
}
