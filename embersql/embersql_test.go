// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
	"github.com/embermetrics/ember/embersql/internal/fake"
	"github.com/embermetrics/ember/embertest"
)

// The shape of a driver that can do everything.
const (
	allConn = 1<<10 - 1
	allStmt = 1<<4 - 1
)

var allRows = 1<<len(fake.RowsOptions) - 1

func newFake() *fake.Driver {
	return &fake.Driver{World: new(fake.World), Conn: allConn, Stmt: allStmt, Rows: allRows}
}

// open opens a measured fake database with one connection.
func open(t *testing.T, reg *ember.Registry, d *fake.Driver, opts embersql.Options) *sql.DB {
	t.Helper()
	db := sql.OpenDB(embersql.WrapConnector(reg, fake.Connector{D: d}, opts))
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

func text(t *testing.T, g ember.Gatherer) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	return b.String()
}

// lines returns the lines of a scrape that match and are not zero.
func lines(t *testing.T, g ember.Gatherer, pattern string) []string {
	t.Helper()
	var found []string
	re := regexp.MustCompile(pattern)
	for line := range strings.Lines(text(t, g)) {
		if line = strings.TrimSpace(line); re.MatchString(line) && !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0") {
			found = append(found, line)
		}
	}
	return found
}

func readAll(t *testing.T, rows *sql.Rows, err error) (n int) {
	t.Helper()
	require.NoError(t, err)
	for rows.Next() {
		n++
	}
	require.NoError(t, rows.Err())
	return n
}

func TestOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		db := open(t, reg, newFake(), embersql.Options{DB: "orders", Buckets: []float64{.01}})
		ctx := t.Context()
		require.NoError(t, db.PingContext(ctx))
		_, err := db.ExecContext(ctx, "slow")
		require.NoError(t, err)
		_, err = db.ExecContext(ctx, "skip slow") // is prepared, then executed
		require.NoError(t, err)
		rows, err := db.QueryContext(ctx, "slow ?", 1)
		require.Equal(t, 3, readAll(t, rows, err))
		rows, err = db.QueryContext(ctx, "skip ?", 1)
		require.Equal(t, 3, readAll(t, rows, err))
		var n int
		require.NoError(t, db.QueryRowContext(ctx, "plain").Scan(&n, new(string))) // reads one
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(ctx, "fail")
		require.ErrorIs(t, err, fake.ErrFail)
		require.NoError(t, tx.Rollback())
		tx, err = db.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, tx.Commit())

		require.Equal(t, `# HELP sql_errors_total Calls of the database driver that failed.
# TYPE sql_errors_total counter
sql_errors_total{db="orders",operation="begin",reason="error"} 0
sql_errors_total{db="orders",operation="commit",reason="error"} 0
sql_errors_total{db="orders",operation="connect",reason="error"} 0
sql_errors_total{db="orders",operation="exec",reason="error"} 1
sql_errors_total{db="orders",operation="ping",reason="error"} 0
sql_errors_total{db="orders",operation="prepare",reason="error"} 0
sql_errors_total{db="orders",operation="query",reason="error"} 0
sql_errors_total{db="orders",operation="rollback",reason="error"} 0
# HELP sql_operation_duration_seconds Time that calls of the database driver took, failed ones too.
# TYPE sql_operation_duration_seconds histogram
sql_operation_duration_seconds_bucket{db="orders",operation="begin",le="0.01"} 2
sql_operation_duration_seconds_bucket{db="orders",operation="begin",le="+Inf"} 2
sql_operation_duration_seconds_sum{db="orders",operation="begin"} 0
sql_operation_duration_seconds_count{db="orders",operation="begin"} 2
sql_operation_duration_seconds_bucket{db="orders",operation="commit",le="0.01"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="commit",le="+Inf"} 1
sql_operation_duration_seconds_sum{db="orders",operation="commit"} 0
sql_operation_duration_seconds_count{db="orders",operation="commit"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="connect",le="0.01"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="connect",le="+Inf"} 1
sql_operation_duration_seconds_sum{db="orders",operation="connect"} 0
sql_operation_duration_seconds_count{db="orders",operation="connect"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="exec",le="0.01"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="exec",le="+Inf"} 3
sql_operation_duration_seconds_sum{db="orders",operation="exec"} 0.04
sql_operation_duration_seconds_count{db="orders",operation="exec"} 3
sql_operation_duration_seconds_bucket{db="orders",operation="ping",le="0.01"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="ping",le="+Inf"} 1
sql_operation_duration_seconds_sum{db="orders",operation="ping"} 0
sql_operation_duration_seconds_count{db="orders",operation="ping"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="prepare",le="0.01"} 2
sql_operation_duration_seconds_bucket{db="orders",operation="prepare",le="+Inf"} 2
sql_operation_duration_seconds_sum{db="orders",operation="prepare"} 0
sql_operation_duration_seconds_count{db="orders",operation="prepare"} 2
sql_operation_duration_seconds_bucket{db="orders",operation="query",le="0.01"} 2
sql_operation_duration_seconds_bucket{db="orders",operation="query",le="+Inf"} 3
sql_operation_duration_seconds_sum{db="orders",operation="query"} 0.02
sql_operation_duration_seconds_count{db="orders",operation="query"} 3
sql_operation_duration_seconds_bucket{db="orders",operation="rollback",le="0.01"} 1
sql_operation_duration_seconds_bucket{db="orders",operation="rollback",le="+Inf"} 1
sql_operation_duration_seconds_sum{db="orders",operation="rollback"} 0
sql_operation_duration_seconds_count{db="orders",operation="rollback"} 1
# HELP sql_rows_affected_total Rows that statements affected, as far as the driver says.
# TYPE sql_rows_affected_total counter
sql_rows_affected_total{db="orders"} 6
# HELP sql_rows_returned_total Rows that queries returned and somebody read.
# TYPE sql_rows_returned_total counter
sql_rows_returned_total{db="orders"} 7
`, text(t, reg))
		embertest.RequireClean(t, reg)
	})
}

func TestErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(ctx context.Context, db *sql.DB, w *fake.World)
		want []string
	}{
		"a failure": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			db.ExecContext(ctx, "fail")
			db.QueryContext(ctx, "fail")
			db.QueryContext(ctx, "skip fail")
			db.PrepareContext(ctx, "deaf")
		}, []string{`exec",reason="error"} 1`, `prepare",reason="error"} 1`, `query",reason="error"} 2`}},
		"bad connections, the last attempt is good": {func(ctx context.Context, db *sql.DB, w *fake.World) {
			w.Plan(2, nil)
			db.ExecContext(ctx, "bad")
		}, []string{`connect",reason="bad_connection"} 2`}},
		"bad connections, while connected": {func(ctx context.Context, db *sql.DB, w *fake.World) {
			db.PingContext(ctx)
			w.Plan(1, nil)
			_, err := db.ExecContext(ctx, "bad")
			if err != nil {
				panic(err)
			}
		}, []string{`exec",reason="bad_connection"} 1`}},
		"a session that is lost": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			db.ExecContext(ctx, "lost")
			db.PingContext(ctx)
			db.ExecContext(ctx, "stuck")
			db.PingContext(ctx)
		}, []string{`reset",reason="bad_connection"} 1`, `reset",reason="error"} 1`}},
		"canceled, in the driver's words": {func(ctx context.Context, db *sql.DB, w *fake.World) {
			ctx, cancel := context.WithCancel(ctx)
			w.Plan(0, cancel)
			db.ExecContext(ctx, "cancel fail")
		}, []string{`exec",reason="canceled"} 1`}},
		"canceled, and the driver calls the connection bad": {func(ctx context.Context, db *sql.DB, w *fake.World) {
			db.PingContext(ctx)
			ctx, cancel := context.WithCancel(ctx)
			w.Plan(1, cancel)
			_, err := db.ExecContext(ctx, "cancel bad")
			if !errors.Is(err, context.Canceled) { // which is all that the caller hears of it
				panic(err)
			}
		}, []string{`exec",reason="canceled"} 1`}},
		"timed out, in the driver's words": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			defer cancel()
			db.ExecContext(ctx, "slow fail")
		}, []string{`exec",reason="timeout"} 1`}},
		"reading fails, and closing after it again": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			rows, _ := db.QueryContext(ctx, "late unclosed")
			for rows.Next() {
			}
			rows.Close()
		}, []string{`fetch",reason="error"} 1`}},
		"closing fails": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			rows, _ := db.QueryContext(ctx, "unclosed")
			for rows.Next() {
			}
			rows.Close()
		}, []string{`fetch",reason="error"} 1`}},
		"not errors": {func(ctx context.Context, db *sql.DB, _ *fake.World) {
			db.ExecContext(ctx, "skip")
			rows, _ := db.QueryContext(ctx, "skip sets")
			for rows.Next() || rows.NextResultSet() {
			}
			tx, _ := db.BeginTx(ctx, nil)
			tx.Commit()
			tx.Rollback() // sql.ErrTxDone
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := ember.NewRegistry()
				d := newFake()
				tc.do(t.Context(), open(t, reg, d, embersql.Options{}), d.World)
				for i, line := range tc.want {
					tc.want[i] = `sql_errors_total{db="default",operation="` + line
				}
				require.Equal(t, tc.want, lines(t, reg, "^sql_errors_total"))
			})
		})
	}
}

func TestErrorReason(t *testing.T) {
	reg := ember.NewRegistry()
	var reason string
	db := open(t, reg, newFake(), embersql.Options{ErrorReason: func(err error) string {
		require.ErrorIs(t, err, fake.ErrFail)
		return reason
	}})
	for i := range 50 {
		reason = fmt.Sprint("class ", i)
		db.Exec("fail")
	}
	reason = "" // not known
	db.Exec("fail")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	db.ExecContext(ctx, "fail") // does not even get to the driver
	got := lines(t, reg, "^sql_errors_total")
	require.Len(t, got, 32)
	require.Contains(t, got, `sql_errors_total{db="default",operation="exec",reason="class 29"} 1`)
	require.Contains(t, got, `sql_errors_total{db="default",operation="exec",reason="other"} 20`)
	require.Contains(t, got, `sql_errors_total{db="default",operation="exec",reason="error"} 1`)
}

func TestNamedQueries(t *testing.T) {
	reg := ember.NewRegistry()
	db := open(t, reg, newFake(), embersql.Options{DB: "shop", QueryName: embersql.QueryName})
	ctx := embersql.WithQueryName(t.Context(), "orders of today")
	_, err := db.ExecContext(ctx, "skip") // preparing has no name
	require.NoError(t, err)
	rows, err := db.QueryContext(ctx, "plain")
	readAll(t, rows, err)
	db.ExecContext(ctx, "fail")
	db.Exec("fail") // without a name
	for i := range 150 {
		_, err := db.ExecContext(embersql.WithQueryName(t.Context(), fmt.Sprint(i)), "plain")
		require.NoError(t, err)
	}
	require.Equal(t, []string{`sql_query_errors_total{db="shop",query="orders of today"} 1`}, lines(t, reg, "^sql_query_errors"))
	counts := lines(t, reg, "^sql_query_duration_seconds_count")
	require.Len(t, counts, 101)
	require.Contains(t, counts, `sql_query_duration_seconds_count{db="shop",query="orders of today"} 3`)
	require.Contains(t, counts, `sql_query_duration_seconds_count{db="shop",query="other"} 51`)
	embertest.RequireClean(t, reg)
}

// TestNoTexts wants no part of what drivers are given in what is exposed.
func TestNoTexts(t *testing.T) {
	reg := ember.NewRegistry()
	wrap := func(c driver.Connector) driver.Connector {
		return embersql.WrapConnector(reg, c, embersql.Options{QueryName: embersql.QueryName})
	}
	d := *newFake()
	see(&d, wrap, (*program).run)
	see(&d, wrap, (*program).statements)
	see(&d, wrap, (*program).reading)
	values := regexp.MustCompile(`="([^"]*)"`)
	known := regexp.MustCompile(`^(default|begin|commit|connect|exec|ping|prepare|query|rollback|reset|fetch|error|bad_connection|canceled|timeout|\+Inf|[0-9.]+)$`)
	found := 0
	for _, m := range values.FindAllStringSubmatch(text(t, reg), -1) {
		found++
		require.Regexp(t, known, m[1])
	}
	require.Greater(t, found, 300)
}

func TestRowsAffected(t *testing.T) {
	for name, tc := range map[string]struct {
		result driver.Result
		want   []string
	}{
		"some":        {driver.RowsAffected(12), []string{`sql_rows_affected_total{db="default"} 12`}},
		"none":        {driver.RowsAffected(0), nil},
		"unknown":     {driver.RowsAffected(-1), nil},
		"no answer":   {driver.ResultNoRows, nil},
		"not even it": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			c := connect(t, reg, quietConnector{&quiet{result: tc.result}}, embersql.Options{})
			res, err := c.(driver.ExecerContext).ExecContext(t.Context(), "", nil)
			require.NoError(t, err)
			require.Equal(t, tc.result, res)
			require.Equal(t, tc.want, lines(t, reg, "affected"))
			require.Empty(t, lines(t, reg, "^ember_")) // nothing that a counter refuses
		})
	}
	t.Run("not asked", func(t *testing.T) {
		reg := ember.NewRegistry()
		d := newFake()
		_, err := open(t, reg, d, embersql.Options{NoRowsAffected: true}).Exec("plain")
		require.NoError(t, err)
		require.NotContains(t, d.Calls(), "Result.RowsAffected")
		require.NotContains(t, text(t, reg), "affected")
	})
}

func TestSeveralDatabases(t *testing.T) {
	reg := ember.NewRegistry()
	for _, name := range []string{"orders", "stock"} {
		_, err := open(t, reg, newFake(), embersql.Options{DB: name}).Exec("plain")
		require.NoError(t, err)
	}
	require.Equal(t, []string{
		`sql_operation_duration_seconds_count{db="orders",operation="connect"} 1`,
		`sql_operation_duration_seconds_count{db="orders",operation="exec"} 1`,
		`sql_operation_duration_seconds_count{db="stock",operation="connect"} 1`,
		`sql_operation_duration_seconds_count{db="stock",operation="exec"} 1`,
	}, lines(t, reg, "duration_seconds_count"))
	require.PanicsWithError(t, `ember: sql_operation_duration_seconds is already registered, by a *ember.HistogramVec; it is a *ember.HistogramVec of `+
		`"sql_operation_duration_seconds" with the labels ["db" "operation"] and buckets [0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10], `+
		`not a *ember.HistogramVec of "sql_operation_duration_seconds" with the labels ["db" "operation"] and buckets [1]`,
		func() { embersql.WrapDriver(reg, newFake(), embersql.Options{Buckets: []float64{1}}) })
}

func TestNativeHistograms(t *testing.T) {
	reg := ember.NewRegistry()
	_, err := open(t, reg, newFake(), embersql.Options{Native: &ember.NativeOpts{}}).Exec("plain")
	require.NoError(t, err)
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.Name == "sql_operation_duration_seconds" {
			require.NotNil(t, f.Points[0].Native)
			require.Empty(t, f.Points[0].Buckets)
			return
		}
	}
	require.Fail(t, "there is no such family")
}

func TestExemplars(t *testing.T) {
	type key struct{}
	reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
		id, _ := ctx.Value(key{}).(string)
		if id == "" {
			return nil
		}
		return ember.Labels{"trace_id": id}
	}))
	db := open(t, reg, newFake(), embersql.Options{Buckets: []float64{1}})
	db.ExecContext(context.WithValue(t.Context(), key{}, "of exec"), "fail")
	tx, err := db.BeginTx(context.WithValue(t.Context(), key{}, "of begin"), nil)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	var b strings.Builder
	require.NoError(t, ember.Write(&b, reg, ember.FormatOpenMetrics))
	for _, want := range []string{
		`sql_operation_duration_seconds_bucket{db="default",operation="exec",le="1.0"} 1 # {trace_id="of exec"}`,
		`sql_operation_duration_seconds_bucket{db="default",operation="commit",le="1.0"} 1 # {trace_id="of begin"}`,
		`sql_errors_total{db="default",operation="exec",reason="error"} 1.0 # {trace_id="of exec"}`,
	} {
		require.Contains(t, b.String(), want)
	}
}

func TestUnwrap(t *testing.T) {
	d := newFake()
	c := embersql.WrapConnector(ember.NewRegistry(), fake.Connector{D: d}, embersql.Options{})
	own, err := fake.Connector{D: d}.Connect(t.Context())
	require.NoError(t, err)
	for range 2 {
		db := sql.OpenDB(c)
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		require.NoError(t, conn.Raw(func(dc any) error {
			require.NotEqual(t, reflect.TypeOf(own), reflect.TypeOf(dc))
			require.IsType(t, own, embersql.Unwrap(dc))
			return nil
		}))
		require.NoError(t, conn.Close())
		require.NoError(t, db.Close())
		c = embersql.WrapConnector(ember.NewRegistry(), c, embersql.Options{}) // twice
	}
	require.IsType(t, own, embersql.Unwrap(own))
	require.Nil(t, embersql.Unwrap(nil))

	db := sql.OpenDB(embersql.WrapConnector(ember.NewRegistry(), fake.Connector{D: d}, embersql.Options{}))
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Raw(func(dc any) error {
		require.IsType(t, own, dc.(interface{ Raw() driver.Conn }).Raw())
		require.IsType(t, own, dc.(interface{ Unwrap() driver.Conn }).Unwrap())
		return nil
	}))
}

// TestStorm has connections used, measured and scraped at once.
func TestStorm(t *testing.T) {
	reg := ember.NewRegistry()
	d := newFake()
	db := sql.OpenDB(embersql.WrapConnector(reg, fake.Connector{D: d}, embersql.Options{QueryName: embersql.QueryName}))
	defer db.Close()
	db.SetMaxOpenConns(4)
	require.NoError(t, embersql.RegisterStats(reg, db, "storm"))
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			ctx := embersql.WithQueryName(t.Context(), fmt.Sprint(w))
			for range each {
				rows, err := db.QueryContext(ctx, "plain")
				if err != nil {
					t.Error(err)
					return
				}
				for rows.Next() {
				}
				db.ExecContext(ctx, "fail")
				if err := ember.WriteText(new(strings.Builder), reg); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := lines(t, reg, `operation="(exec|query)".* [0-9]+$`)
	require.Contains(t, got, fmt.Sprintf(`sql_errors_total{db="default",operation="exec",reason="error"} %d`, workers*each))
	require.Contains(t, got, fmt.Sprintf(`sql_operation_duration_seconds_count{db="default",operation="query"} %d`, workers*each))
	require.Contains(t, lines(t, reg, "returned"), fmt.Sprintf(`sql_rows_returned_total{db="default"} %d`, workers*each*3))
}

// quiet is a connection with everything, that records nothing and allocates nothing.
type quiet struct {
	result driver.Result
	bare   bool // returns nothing
}

var errQuiet = errors.New("quiet: failed")

func (q *quiet) Prepare(string) (driver.Stmt, error) { return q, nil }
func (q *quiet) Close() error                        { return nil }
func (q *quiet) Begin() (driver.Tx, error)           { return q, nil }
func (q *quiet) Commit() error                       { return nil }
func (q *quiet) Rollback() error                     { return nil }
func (q *quiet) NumInput() int                       { return -1 }
func (q *quiet) Ping(context.Context) error          { return nil }
func (q *quiet) ResetSession(context.Context) error  { return nil }
func (q *quiet) IsValid() bool                       { return true }

type quietConn struct{ *quiet }

func (q quietConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	if q.bare {
		return nil, nil
	}
	return quietStmt(q), nil
}

func (q quietConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	if q.bare {
		return nil, nil
	}
	return q.quiet, nil
}

func (q quietConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	if query == "fail" {
		return nil, errQuiet
	}
	return q.result, nil
}

func (q quietConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	if q.bare {
		return nil, nil
	}
	return quietRows(q), nil
}

func (q *quiet) Exec([]driver.Value) (driver.Result, error) { return q.result, nil }
func (q *quiet) Query([]driver.Value) (driver.Rows, error)  { return quietRows{q}, nil }

type quietStmt struct{ *quiet }

func (q quietStmt) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return q.result, nil
}

func (q quietStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return quietRows(q), nil
}

type quietRows struct{ *quiet }

func (q quietRows) Columns() []string         { return nil }
func (q quietRows) Next([]driver.Value) error { return nil }

type quietConnector struct{ q *quiet }

func (c quietConnector) Connect(context.Context) (driver.Conn, error) {
	if c.q == nil {
		return nil, nil
	}
	return quietConn{c.q}, nil
}
func (c quietConnector) Driver() driver.Driver { return nil }

// connect returns a measured connection.
func connect(t testing.TB, reg *ember.Registry, c driver.Connector, opts embersql.Options) driver.Conn {
	t.Helper()
	conn, err := embersql.WrapConnector(reg, c, opts).Connect(t.Context())
	require.NoError(t, err)
	return conn
}

// TestRowsClosedTwice wants rows counted once by whoever closes them twice.
func TestRowsClosedTwice(t *testing.T) {
	reg := ember.NewRegistry()
	c := connect(t, reg, quietConnector{&quiet{}}, embersql.Options{})
	r, err := c.(driver.QueryerContext).QueryContext(t.Context(), "", nil)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, r.Next(nil))
	}
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.Equal(t, []string{`sql_rows_returned_total{db="default"} 3`}, lines(t, reg, "returned"))
}

// TestNothingStaysNothing wants what a driver leaves out to be left out.
func TestNothingStaysNothing(t *testing.T) {
	reg := ember.NewRegistry()
	require.Nil(t, connect(t, reg, quietConnector{}, embersql.Options{}))
	c := connect(t, reg, quietConnector{&quiet{bare: true}}, embersql.Options{})
	s, err := c.(driver.ConnPrepareContext).PrepareContext(t.Context(), "")
	require.NoError(t, err)
	require.Nil(t, s)
	tx, err := c.(driver.ConnBeginTx).BeginTx(t.Context(), driver.TxOptions{})
	require.NoError(t, err)
	require.Nil(t, tx)
	r, err := c.(driver.QueryerContext).QueryContext(t.Context(), "", nil)
	require.NoError(t, err)
	require.Nil(t, r)
}

// TestRetries wants each attempt counted, and rows once.
func TestRetries(t *testing.T) {
	reg := ember.NewRegistry()
	d := newFake()
	db := open(t, reg, d, embersql.Options{})
	for range 2 {
		require.NoError(t, db.Ping()) // so that there is a connection
		d.Plan(1, nil)
		_, err := db.Exec("bad")
		require.NoError(t, err)
		d.Plan(1, nil)
		rows, err := db.Query("bad")
		require.Equal(t, 3, readAll(t, rows, err))
	}
	require.Equal(t, []string{
		`sql_errors_total{db="default",operation="exec",reason="bad_connection"} 2`,
		`sql_errors_total{db="default",operation="query",reason="bad_connection"} 2`,
		`sql_operation_duration_seconds_count{db="default",operation="exec"} 4`,
		`sql_operation_duration_seconds_count{db="default",operation="query"} 4`,
		`sql_rows_affected_total{db="default"} 6`,
		`sql_rows_returned_total{db="default"} 6`,
	}, lines(t, reg, `errors_total|_count{.*"(exec|query)"|rows`))

	// In a transaction nothing is tried again, and the caller sees it.
	tx, err := db.Begin()
	require.NoError(t, err)
	d.Plan(1, nil)
	_, err = tx.Exec("bad")
	require.ErrorIs(t, err, driver.ErrBadConn)
	require.NoError(t, tx.Rollback())
	require.Len(t, lines(t, reg, `errors_total{.*"exec",reason="bad_connection"} 3`), 1)
}

// TestSetsOfRows wants the rows of all sets counted, however far each was read.
func TestSetsOfRows(t *testing.T) {
	reg := ember.NewRegistry()
	db := open(t, reg, newFake(), embersql.Options{})
	returned := func() []string { return lines(t, reg, "returned") }
	rows, err := db.Query("sets")
	require.NoError(t, err)
	for range 2 {
		require.True(t, rows.Next())
	}
	require.True(t, rows.NextResultSet())
	require.Equal(t, 3, readAll(t, rows, err))
	require.False(t, rows.NextResultSet())
	require.Equal(t, []string{`sql_rows_returned_total{db="default"} 5`}, returned())
	require.NoError(t, rows.Close())
	require.Equal(t, []string{`sql_rows_returned_total{db="default"} 5`}, returned())

	rows, err = db.Query("late") // reading the second row fails
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.False(t, rows.Next())
	require.ErrorIs(t, rows.Err(), fake.ErrFail)
	require.Equal(t, []string{`sql_rows_returned_total{db="default"} 6`}, returned())
}
