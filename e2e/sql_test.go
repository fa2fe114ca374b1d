// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
)

// database is a real one, by one of its drivers.
type database struct {
	driver, dsn string
	sqlite      bool
}

// state returns the class of an error's SQLSTATE, or of SQLite's code.
func state(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "class " + e.Code[:2]
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return "class " + string(e.Code[:2])
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return fmt.Sprint("code ", e.Code()&0xff)
	}
	return ""
}

func TestDatabases(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		_, socket := startPostgres(t)
		dsn := "host=" + socket + " user=postgres dbname=postgres sslmode=disable"
		for _, name := range []string{"pgx", "postgres"} { // which is lib/pq
			t.Run(name, func(t *testing.T) { testDatabase(t, database{driver: name, dsn: dsn}) })
		}
		t.Run("pool", func(t *testing.T) { testPool(t, dsn) })
		t.Run("a backend that is killed", func(t *testing.T) { testKilled(t, dsn) })
		t.Run("copying", func(t *testing.T) { testCopy(t, dsn) })
		t.Run("connections of pgx", func(t *testing.T) { testPgx(t, dsn) })
		t.Run("notices of lib/pq", func(t *testing.T) { testNotices(t, dsn) })
		t.Run("contexts that have ended", func(t *testing.T) { testEnded(t, dsn) })
		for _, name := range []string{"pgx", "postgres"} {
			t.Run("transactions of "+name, func(t *testing.T) { testTransactions(t, name, dsn) })
			t.Run("statements of "+name, func(t *testing.T) { testStatements(t, name, dsn) })
			t.Run("rows of "+name+" that nobody closes", func(t *testing.T) { testAbandoned(t, name, dsn) })
		}
	})
	t.Run("PostgreSQL that is not there", func(t *testing.T) {
		reg := ember.NewRegistry()
		db, err := embersql.Open(reg, "pgx", "host="+t.TempDir()+" user=postgres", embersql.Options{})
		require.NoError(t, err)
		defer db.Close()
		require.Error(t, db.Ping())
		require.Equal(t, 1.0, value(t, reg, `sql_errors_total{db="default",operation="connect",reason="error"}`))
		require.Zero(t, value(t, reg, `sql_operation_duration_seconds_count{db="default",operation="ping"}`))
	})
	t.Run("SQLite", func(t *testing.T) {
		testDatabase(t, database{driver: "sqlite", dsn: "file:" + filepath.Join(t.TempDir(), "test.db"), sqlite: true})
	})
}

// testDatabase runs a program with the driver as it is and with the driver measured, and
// wants it to see the same and the metrics to be what it did.
func testDatabase(t *testing.T, d database) {
	plain, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	defer plain.Close()
	reg := ember.NewRegistry()
	measured, err := embersql.Open(reg, d.driver, d.dsn, embersql.Options{
		DB: "real", ErrorReason: state, QueryName: embersql.QueryName,
	})
	require.NoError(t, err)
	defer measured.Close()
	require.IsType(t, plain.Driver(), measured.Driver())

	want := program(t, d, plain)
	require.Greater(t, len(want), 30)
	require.Equal(t, want, program(t, d, measured))

	count := func(operation string) float64 {
		return value(t, reg, fmt.Sprintf(`sql_operation_duration_seconds_count{db="real",operation=%q}`, operation))
	}
	failed := func(operation, reason string) float64 {
		return value(t, reg, fmt.Sprintf(`sql_errors_total{db="real",operation=%q,reason=%q}`, operation, reason))
	}
	require.Equal(t, 2.0, count("begin"))
	require.Equal(t, 1.0, count("commit"))
	require.Equal(t, 1.0, count("rollback"))
	require.Equal(t, 1.0, count("ping"))
	require.GreaterOrEqual(t, count("connect"), 1.0)
	require.GreaterOrEqual(t, count("prepare"), 1.0)
	require.Equal(t, 2.0+100+1+2, count("exec"))
	unique := "class 23"
	if d.sqlite {
		unique = "code 19"
	}
	require.Equal(t, 1.0, failed("exec", unique), "a value that is there already")
	require.Equal(t, 1.0, failed("query", "timeout")+failed("fetch", "timeout"), "a query that takes too long")
	require.Equal(t, 1.0, failed("query", "canceled")+failed("fetch", "canceled"), "a query that nobody waits for")
	require.Equal(t, 100.0+1+1, value(t, reg, `sql_rows_affected_total{db="real"}`))
	require.Equal(t, float64(strings.Count(strings.Join(want, "\n"), "row: ")), value(t, reg, `sql_rows_returned_total{db="real"}`))
	require.Equal(t, 1.0, value(t, reg, `sql_query_duration_seconds_count{db="real",query="sum of all"}`))
	took := value(t, reg, `sql_operation_duration_seconds_sum{db="real",operation="query"}`)
	require.Less(t, took, 20.0) // and not the 30 s that the query would have taken
	if !d.sqlite {              // which may be at its first row at once, and is then in fetching
		// 400 ms until the time-out, and 300 ms until it was canceled, less what went by before
		require.Greater(t, took, 0.1)
	}
	require.Equal(t, 1.0, value(t, reg, `go_sql_open_connections{db_name="real"}`))
}

// program uses a database in all ways that there are, and returns what it sees.
func program(t *testing.T, d database, db *sql.DB) (seen []string) {
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	see := func(format string, args ...any) { seen = append(seen, fmt.Sprintf(format, args...)) }
	mark := func(query string) string { // $1 to ?1, which SQLite numbers alike
		if d.sqlite {
			return strings.ReplaceAll(query, "$", "?")
		}
		return query
	}
	result := func(what string, res sql.Result, err error) {
		if err != nil {
			see("%s: %v", what, err)
			return
		}
		n, err := res.RowsAffected()
		id, err2 := res.LastInsertId()
		see("%s: %d rows, %v; id %d, %v", what, n, err, id, err2)
	}
	exec := func(query string, args ...any) {
		res, err := db.ExecContext(ctx, mark(query), args...)
		result(query, res, err)
	}
	rows := func(what string, rows *sql.Rows, err error) {
		if err != nil {
			see("%s: %v", what, err)
			return
		}
		defer rows.Close()
		for {
			types, err := rows.ColumnTypes()
			see("%s: %v", what, err)
			for _, c := range types {
				length, hasLength := c.Length()
				nullable, hasNullable := c.Nullable()
				precision, scale, hasScale := c.DecimalSize()
				see("column %s %s %v %d %v %v %v %d %d %v", c.Name(), c.DatabaseTypeName(), c.ScanType(), length, hasLength, nullable, hasNullable, precision, scale, hasScale)
			}
			for rows.Next() {
				values := make([]any, len(types))
				for i := range values {
					values[i] = new(any)
				}
				err := rows.Scan(values...)
				line := "row:"
				for _, v := range values {
					line += fmt.Sprintf(" %v", *v.(*any))
				}
				see("%s %v", line, err)
			}
			if !rows.NextResultSet() {
				break
			}
		}
		see("%s: end, %v", what, rows.Err())
	}
	query := func(query string, args ...any) {
		r, err := db.QueryContext(ctx, mark(query), args...)
		rows(query, r, err)
	}

	see("ping: %v", db.PingContext(ctx))
	exec(`DROP TABLE IF EXISTS items`)
	exec(`CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, price NUMERIC(8,2))`)
	for i := range 100 {
		exec(`INSERT INTO items (id, name, price) VALUES ($1, $2, $3)`, i, fmt.Sprint("item ", i), float64(i)/4)
	}
	exec(`INSERT INTO items (id, name) VALUES ($1, $2)`, 1, "again")
	query(`SELECT id, name, price FROM items WHERE id < $1 ORDER BY id`, 5)
	query(`SELECT id, name, price FROM items ORDER BY id`)
	query(`SELECT count(*) FROM items WHERE name = $1`, driver.Valuer(sql.NullString{String: "item 7", Valid: true}))
	if d.driver != "pgx" { // whose extended protocol refuses it
		query(`SELECT 1 AS one; SELECT 2 AS two`)
	}
	// A failure of a driver has its words, and one of database/sql has its own.
	query(`SELECT nothing FROM nowhere`)
	query(`SELECT $1`, struct{ X chan int }{})

	s, err := db.PrepareContext(ctx, mark(`SELECT name FROM items WHERE id = $1`))
	require.NoError(t, err)
	for i := range 3 {
		r, err := s.QueryContext(ctx, i)
		rows("prepared", r, err)
	}
	r, err := s.QueryContext(ctx, 1, 2)
	rows("too many", r, err)
	see("closed: %v", s.Close())

	for _, commit := range []bool{true, false} {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{})
		require.NoError(t, err)
		res, err := tx.ExecContext(ctx, `UPDATE items SET name = 'changed' WHERE id = 3`)
		result("update", res, err)
		if commit {
			see("commit: %v", tx.Commit())
		} else {
			see("rollback: %v", tx.Rollback())
		}
	}
	var sum float64
	err = db.QueryRowContext(embersql.WithQueryName(ctx, "sum of all"), `SELECT CAST(sum(price) AS FLOAT) FROM items`).Scan(&sum)
	see("row: %v, %v", sum, err)

	long := `SELECT pg_sleep(30)`
	if d.sqlite {
		long = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n`
	}
	for what, limit := range map[string]func() (context.Context, context.CancelFunc){
		"a time-out": func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 400*time.Millisecond) },
		"canceled": func() (context.Context, context.CancelFunc) {
			inner, cancel := context.WithCancel(ctx)
			time.AfterFunc(300*time.Millisecond, cancel)
			return inner, cancel
		},
	} {
		query(`SELECT 1`) // so that there is a connection, which may take its time to make
		limited, cancel := limit()
		err := db.QueryRowContext(limited, long).Scan(new(any))
		require.Error(t, err, what)
		cancel()
	}
	query(`SELECT count(*) FROM items`) // and on it goes
	return seen
}

// testPool compares the pool's statistics with the server's.
func testPool(t *testing.T, dsn string) {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, "pgx", dsn+" application_name=pool", embersql.Options{DB: "pool"})
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(3)
	var conns []*sql.Conn
	for range 3 {
		c, err := db.Conn(t.Context())
		require.NoError(t, err)
		conns = append(conns, c)
	}
	var n float64
	require.NoError(t, conns[0].QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool'`).Scan(&n))
	require.Equal(t, 3.0, n)
	require.Equal(t, n, value(t, reg, `go_sql_open_connections{db_name="pool"}`))
	require.Equal(t, n, value(t, reg, `go_sql_in_use_connections{db_name="pool"}`))
	require.Equal(t, n, value(t, reg, `sql_operation_duration_seconds_count{db="pool",operation="connect"}`))

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, db.PingContext(ctx), context.DeadlineExceeded) // waits for a connection
	require.Equal(t, 1.0, value(t, reg, `go_sql_wait_count_total{db_name="pool"}`))
	waited := value(t, reg, `go_sql_wait_duration_seconds_total{db_name="pool"}`)
	require.Positive(t, waited)
	require.Less(t, waited, 20.0)
	for _, c := range conns {
		require.NoError(t, c.Close())
	}
	require.Zero(t, value(t, reg, `go_sql_in_use_connections{db_name="pool"}`))
}

// testKilled wants a connection that the server ends to be seen, and replaced as ever.
func testKilled(t *testing.T, dsn string) {
	for _, name := range []string{"pgx", "postgres"} {
		reg := ember.NewRegistry()
		db, err := embersql.Open(reg, name, dsn, embersql.Options{})
		require.NoError(t, err)
		defer db.Close()
		db.SetMaxOpenConns(1)
		var pid int
		require.NoError(t, db.QueryRow(`SELECT pg_backend_pid()`).Scan(&pid))
		other, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		defer other.Close()
		_, err = other.Exec(`SELECT pg_terminate_backend($1)`, pid)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			var n int
			err := other.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE pid = $1`, pid).Scan(&n)
			return err == nil && n == 0
		}, 20*time.Second, 10*time.Millisecond)
		for range 3 { // a driver may tell its user once
			if err = db.QueryRow(`SELECT pg_backend_pid()`).Scan(&pid); err == nil {
				break
			}
		}
		require.NoError(t, err)
		var errs float64
		for _, operation := range []string{"query", "reset", "fetch"} {
			for _, reason := range []string{"bad_connection", "error"} {
				errs += value(t, reg, fmt.Sprintf(`sql_errors_total{db="default",operation=%q,reason=%q}`, operation, reason))
			}
		}
		require.GreaterOrEqual(t, errs, 1.0, name)
		require.Equal(t, 2.0, value(t, reg, `sql_operation_duration_seconds_count{db="default",operation="connect"}`), name)
	}
}
