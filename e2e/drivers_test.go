// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
)

// raw calls f with what (*sql.Conn).Raw hands out.
func raw(t *testing.T, db *sql.DB, f func(dc any)) {
	t.Helper()
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Raw(func(dc any) error {
		f(dc)
		return nil
	}))
}

// testCopy copies rows into a table in the way of lib/pq, whose statements for that are
// odd ones.
func testCopy(t *testing.T, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, "postgres", dsn, embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`DROP TABLE IF EXISTS copied; CREATE TABLE copied (id INTEGER)`)
	require.NoError(t, err)
	tx, err := db.Begin()
	require.NoError(t, err)
	s, err := tx.Prepare(`COPY copied (id) FROM STDIN`)
	require.NoError(t, err)
	for i := range 1000 {
		_, err := s.Exec(i)
		require.NoError(t, err)
	}
	_, err = s.Exec()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, tx.Commit())
	var n int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM copied`).Scan(&n))
	require.Equal(t, 1000, n)
}

// testPgx uses what pgx has beyond database/sql: its types of arguments, and its own
// connection.
func testPgx(t *testing.T, dsn string) {
	connector, err := stdlib.GetDefaultDriver().(*stdlib.Driver).OpenConnector(dsn)
	require.NoError(t, err)
	db := sql.OpenDB(embersql.WrapConnector(ember.NewRegistry(), connector, embersql.Options{}))
	defer db.Close()
	var n int
	require.NoError(t, db.QueryRow(`SELECT cardinality($1::text[])`, []string{"a", "b", "c"}).Scan(&n))
	require.Equal(t, 3, n)

	raw(t, db, func(dc any) {
		own := embersql.Unwrap(dc).(*stdlib.Conn).Conn()
		require.NoError(t, own.QueryRow(t.Context(), `SELECT 4`).Scan(&n))
		require.Equal(t, 4, n)

		_, err := own.Exec(t.Context(), `DROP TABLE IF EXISTS fast; CREATE TABLE fast (id INTEGER, name TEXT)`)
		require.NoError(t, err)
		copied, err := own.CopyFrom(t.Context(), pgx.Identifier{"fast"}, []string{"id", "name"}, pgx.CopyFromSlice(1000, func(i int) ([]any, error) {
			return []any{i, fmt.Sprint("name ", i)}, nil
		}))
		require.NoError(t, err)
		require.Equal(t, int64(1000), copied)

		_, err = own.Exec(t.Context(), `LISTEN news`)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `SELECT pg_notify('news', $1)`, "something new") // by another connection
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		news, err := own.WaitForNotification(ctx)
		require.NoError(t, err)
		require.Equal(t, "something new", news.Payload)
	})
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM fast`).Scan(&n))
	require.Equal(t, 1000, n)
}

// testNotices wants the notices of a server, which lib/pq hands to functions that want its
// own connections.
func testNotices(t *testing.T, dsn string) {
	const notice = `DO $$ BEGIN RAISE NOTICE 'a word'; END $$`
	var heard []string
	hear := func(n *pq.Error) { heard = append(heard, n.Message) }

	connector, err := pq.NewConnector(dsn)
	require.NoError(t, err)
	db := sql.OpenDB(embersql.WrapConnector(ember.NewRegistry(), connector, embersql.Options{}))
	defer db.Close()
	db.SetMaxOpenConns(1)
	raw(t, db, func(dc any) {
		pq.SetNoticeHandler(embersql.Unwrap(dc).(driver.Conn), hear)
	})
	_, err = db.Exec(notice)
	require.NoError(t, err)
	require.Equal(t, []string{"a word"}, heard)

	// A connector that does so comes first, and is measured.
	other := sql.OpenDB(embersql.WrapConnector(ember.NewRegistry(), pq.ConnectorWithNoticeHandler(connector, hear), embersql.Options{}))
	defer other.Close()
	_, err = other.Exec(notice)
	require.NoError(t, err)
	require.Equal(t, []string{"a word", "a word"}, heard)
}

// testEnded asks a connection in a context that has ended. pgx says that the connection is
// bad, since it sent nothing, but that is nobody's fault.
func testEnded(t *testing.T, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, "pgx", dsn, embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	for name, do := range map[string]func(context.Context, *sql.Conn) error{
		"ping":  func(ctx context.Context, c *sql.Conn) error { return c.PingContext(ctx) },
		"exec":  func(ctx context.Context, c *sql.Conn) error { _, err := c.ExecContext(ctx, `SELECT 1`); return err },
		"query": func(ctx context.Context, c *sql.Conn) error { _, err := c.QueryContext(ctx, `SELECT 1`); return err },
		"begin": func(ctx context.Context, c *sql.Conn) error { _, err := c.BeginTx(ctx, nil); return err },
	} {
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := context.WithDeadline(t.Context(), time.Now())
		cancel()
		for reason, ctx := range map[string]context.Context{"canceled": canceled, "timeout": late} {
			c, err := db.Conn(t.Context())
			require.NoError(t, err)
			require.Error(t, do(ctx, c), name)
			c.Close()
			require.Equal(t, 1.0, value(t, reg, fmt.Sprintf(`sql_errors_total{db="default",operation=%q,reason=%q}`, name, reason)), name)
			require.Zero(t, value(t, reg, fmt.Sprintf(`sql_errors_total{db="default",operation=%q,reason="bad_connection"}`, name)), name)
		}
	}
}

// testTransactions wants transactions to be what they are asked to be, and their failures
// to be where they happen.
func testTransactions(t *testing.T, name, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, name, dsn, embersql.Options{ErrorReason: state})
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	failed := func(operation, reason string) float64 {
		return value(t, reg, fmt.Sprintf(`sql_errors_total{db="default",operation=%q,reason=%q}`, operation, reason))
	}
	for level, want := range map[sql.IsolationLevel]string{
		sql.LevelReadCommitted: "read committed", sql.LevelRepeatableRead: "repeatable read", sql.LevelSerializable: "serializable",
	} {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
		require.NoError(t, err)
		var got string
		require.NoError(t, tx.QueryRow(`SHOW transaction_isolation`).Scan(&got))
		require.Equal(t, want, got)
		require.NoError(t, tx.Commit())
	}
	_, err = db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelLinearizable})
	require.Error(t, err)
	require.Equal(t, 1.0, failed("begin", "error"))

	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	_, err = tx.Exec(`CREATE TABLE refused (id INTEGER)`)
	require.Equal(t, "class 25", state(err), "%v", err)
	require.Equal(t, 1.0, failed("exec", "class 25"))
	require.NoError(t, tx.Rollback())

	_, err = db.Exec(`DROP TABLE IF EXISTS children, parents;
		CREATE TABLE parents (id INTEGER PRIMARY KEY);
		CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`)
	require.NoError(t, err)
	tx, err = db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`INSERT INTO children VALUES (1)`)
	require.NoError(t, err)
	err = tx.Commit() // which is when it is looked at
	require.Equal(t, "class 23", state(err), "%v", err)
	require.Equal(t, 1.0, failed("commit", "class 23"))

	// A transaction whose context ends is rolled back, by a goroutine of database/sql's.
	inner, cancel := context.WithCancel(ctx)
	tx, err = db.BeginTx(inner, nil)
	require.NoError(t, err)
	rollbacks := `sql_operation_duration_seconds_count{db="default",operation="rollback"}`
	before := value(t, reg, rollbacks)
	cancel()
	require.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 20*time.Second, time.Millisecond)
	require.ErrorIs(t, tx.Rollback(), sql.ErrTxDone)
	require.Equal(t, before+1, value(t, reg, rollbacks))
	require.Zero(t, failed("rollback", "error"))
}

// testStatements wants a statement that database/sql prepares again, as it does for each
// connection, to be counted so.
func testStatements(t *testing.T, name, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, name, dsn, embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(2)
	s, err := db.Prepare(`SELECT $1::text`)
	require.NoError(t, err)
	defer s.Close()
	ask := func() {
		var word string
		require.NoError(t, s.QueryRow("word").Scan(&word))
		require.Equal(t, "word", word)
	}
	prepared := `sql_operation_duration_seconds_count{db="default",operation="prepare"}`
	ask()
	ask()
	require.Equal(t, 1.0, value(t, reg, prepared))
	tx, err := db.Begin() // has the connection
	require.NoError(t, err)
	ask()
	ask()
	require.Equal(t, 2.0, value(t, reg, prepared))
	var word string
	require.NoError(t, tx.Stmt(s).QueryRow("word").Scan(&word))
	require.NoError(t, tx.Commit())
	require.Equal(t, 2.0, value(t, reg, prepared))
	require.Equal(t, 5.0, value(t, reg, `sql_operation_duration_seconds_count{db="default",operation="query"}`))
	require.Equal(t, 5.0, value(t, reg, `sql_rows_returned_total{db="default"}`))
}

// testAbandoned leaves rows to the end of their context, which closes them.
func testAbandoned(t *testing.T, name, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, name, dsn, embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := db.QueryContext(ctx, `SELECT generate_series(1, 1000000)`)
	require.NoError(t, err)
	for range 3 {
		require.True(t, rows.Next())
	}
	require.Zero(t, value(t, reg, `sql_rows_returned_total{db="default"}`))
	cancel()
	require.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 20*time.Second, time.Millisecond)
	require.Equal(t, 3.0, value(t, reg, `sql_rows_returned_total{db="default"}`))
	require.Zero(t, value(t, reg, `sql_errors_total{db="default",operation="fetch",reason="error"}`))
	require.Zero(t, value(t, reg, `sql_errors_total{db="default",operation="fetch",reason="bad_connection"}`))
}

// TestSQLiteConnections hands a measured connection to a function of the driver's that
// wants its own, and knows how to ask a wrapper for it.
func TestSQLiteConnections(t *testing.T) {
	db, err := embersql.Open(ember.NewRegistry(), "sqlite", "file:"+filepath.Join(t.TempDir(), "test.db"), embersql.Options{})
	require.NoError(t, err)
	defer db.Close()
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	const columns, asItIs = 2, -1 // SQLITE_LIMIT_COLUMN
	limit, err := sqlite.Limit(c, columns, asItIs)
	require.NoError(t, err)
	require.Positive(t, limit)
}
