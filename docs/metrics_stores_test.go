// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
	"github.com/embermetrics/ember/embersql"
	"github.com/embermetrics/ember/embertest"
)

// fickleDriver is a driver of a database, and all that it opens, prepares and returns. Each
// operation fails with the error that fails has for it. There is one row.
type fickleDriver struct {
	fails map[string]error
	read  bool // the row was
}

func (d *fickleDriver) Connect(context.Context) (driver.Conn, error) { return d, d.fails["connect"] }
func (d *fickleDriver) Driver() driver.Driver                        { return nil }

func (d *fickleDriver) Prepare(string) (driver.Stmt, error) { return d, d.fails["prepare"] }
func (d *fickleDriver) Begin() (driver.Tx, error)           { return d, d.fails["begin"] }
func (d *fickleDriver) Close() error                        { return nil }
func (d *fickleDriver) Ping(context.Context) error          { return d.fails["ping"] }
func (d *fickleDriver) ResetSession(context.Context) error  { return d.fails["reset"] }

func (d *fickleDriver) NumInput() int { return 0 }

func (d *fickleDriver) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), d.fails["exec"]
}

func (d *fickleDriver) Query([]driver.Value) (driver.Rows, error) {
	d.read = false
	return d, d.fails["query"]
}

func (d *fickleDriver) Columns() []string { return []string{"name"} }

func (d *fickleDriver) Next([]driver.Value) error {
	if d.read {
		return io.EOF
	}
	d.read = true
	return d.fails["fetch"]
}

func (d *fickleDriver) Commit() error   { return d.fails["commit"] }
func (d *fickleDriver) Rollback() error { return d.fails["rollback"] }

// use does everything with a database that is measured.
func (d *fickleDriver) use(ctx context.Context, db *sql.DB) {
	_ = db.PingContext(ctx)
	if tx, err := db.BeginTx(ctx, nil); err == nil {
		_ = tx.Commit()
	}
	if tx, err := db.BeginTx(ctx, nil); err == nil {
		_ = tx.Rollback()
	}
	if stmt, err := db.PrepareContext(ctx, "SELECT"); err == nil {
		_, _ = stmt.ExecContext(ctx)
		if rows, err := stmt.QueryContext(ctx); err == nil {
			for rows.Next() {
			}
			rows.Close()
		}
		stmt.Close()
	}
}

// sqlScene is what embersql exposes of a database, without its pool.
func sqlScene(t *testing.T, sources *moduleSources) *metricsScene {
	s := newScene(t)
	open := func(reg *ember.Registry, opts embersql.Options) (*fickleDriver, *sql.DB) {
		d := &fickleDriver{fails: make(map[string]error)}
		db := sql.OpenDB(embersql.WrapConnector(reg, d, opts))
		t.Cleanup(func() { db.Close() })
		return d, db
	}
	reg := ember.NewRegistry()
	d, db := open(reg, embersql.Options{DB: "orders"})
	s.expose("From the beginning", reg, "")
	operations := sources.texts("embersql", "operationNames")
	for _, err := range []error{errors.New("broken"), driver.ErrBadConn, context.Canceled, context.DeadlineExceeded} {
		for _, operation := range operations {
			d.fails[operation] = err
			d.use(t.Context(), db)
			delete(d.fails, operation)
		}
		db.SetMaxIdleConns(0) // so that there is one to be made
		d.fails["connect"] = err
		require.ErrorIs(t, db.Ping(), err)
		delete(d.fails, "connect")
		db.SetMaxIdleConns(1)
	}
	s.expose("", reg, "")

	reg = ember.NewRegistry()
	class := 0
	d, db = open(reg, embersql.Options{QueryName: embersql.QueryName, ErrorReason: func(error) string {
		class++
		return fmt.Sprint("class_", class)
	}})
	named := embersql.WithQueryName(t.Context(), "find")
	d.use(named, db)
	s.expose("With `Options.QueryName`, once there was a statement that has a name", reg, "")
	d.fails["exec"] = errors.New("broken")
	for range 40 {
		d.use(named, db)
	}
	s.expose("With `Options.QueryName`, once a statement that has a name failed", reg, "")
	for i := range 110 {
		d.use(embersql.WithQueryName(t.Context(), fmt.Sprint("find ", i)), db)
	}
	s.expose("", reg, "")

	reg = ember.NewRegistry()
	d, db = open(reg, embersql.Options{NoRowsAffected: true})
	d.use(t.Context(), db)
	families, err := reg.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)
	for _, f := range families {
		require.NotEqual(t, "sql_rows_affected_total", f.Name)
	}

	s.only("sql_errors_total/operation", operations)
	timed := s.metric("sql_operation_duration_seconds").values("operation") // all, from the beginning
	s.only("sql_operation_duration_seconds/operation", slices.DeleteFunc(slices.Clone(operations), func(o string) bool { return !timed[o] }))
	s.some("reason", append(sources.constants("embersql", func(name, _ string) bool { return strings.HasPrefix(name, "reason") }), "other")...)
	s.some("query", "other")
	return s
}

// poolScene is what embersql.RegisterStats exposes.
func poolScene(t *testing.T) *metricsScene {
	s := newScene(t)
	reg := ember.NewRegistry()
	db := sql.OpenDB(&fickleDriver{})
	t.Cleanup(func() { db.Close() })
	require.NoError(t, embersql.RegisterStats(reg, db, "orders"))
	s.expose("From the beginning", reg, "")
	return s
}

// fickleCache is a cache that fails with an error.
type fickleCache struct{ fails error }

func (c *fickleCache) Get(context.Context, string) (string, bool, error) { return "", false, c.fails }
func (c *fickleCache) Set(context.Context, string, string) error         { return c.fails }

// cacheScene is what embercache exposes.
func cacheScene(t *testing.T) *metricsScene {
	s := newScene(t)
	cache := func(opts embercache.Options) (*ember.Registry, func(error)) {
		reg := ember.NewRegistry()
		m := embercache.NewMetrics(reg, opts)
		c := new(fickleCache)
		measured := embercache.Wrap(m, c)
		return reg, func(err error) {
			c.fails = err
			_, _ = measured.GetOrLoad(t.Context(), "key", func(context.Context, string) (string, error) { return "", err })
			_ = measured.Set(t.Context(), "key", "value")
			m.Hit()
			m.Evicted()
		}
	}
	reg, use := cache(embercache.Options{Name: "users"})
	s.expose("From the beginning", reg, "")
	for _, err := range []error{nil, errors.New("broken"), context.Canceled} {
		use(err)
	}
	s.expose("", reg, "")
	for _, result := range []string{"canceled", "error", "hit", "miss"} {
		require.GreaterOrEqual(t, embertest.Value(t, reg, "cache_requests_total", "result", result), 1.0)
	}
	reg, use = cache(embercache.Options{Latency: true})
	use(nil)
	s.expose("With `Options.Latency`", reg, "")
	reg, _ = cache(embercache.Options{Entries: func() int { return 1 }})
	s.expose("With `Options.Entries`", reg, "")
	return s
}
