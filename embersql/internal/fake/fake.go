// SPDX-License-Identifier: Apache-2.0

// Package fake is a database driver for tests, of which there is one for each subset of
// the methods that connections, statements and rows may have: the shapes. It records the
// calls that reach it, and does what the texts of queries say.
//
// Testing whether a wrapper is noticed needs all of them, since database/sql asks by type
// assertion. A package of their own spares compiling a thousand types for each test run.
package fake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"
)

// World is what a fake driver's connections share: a record of all calls, and what is
// to go wrong. The texts of queries say what else happens:
//
//	skip      ErrSkip, where that is allowed
//	fail      ErrFail
//	bad       ErrBadConn, as often as planned
//	cancel    what was planned is canceled
//	deaf      preparing fails
//	late      reading the second row fails
//	unclosed  closing the rows fails
//	sets      there are two sets of rows
//	invalid   the connection is not valid any more
//	lost      the session cannot be reset: ErrBadConn
//	stuck     nor can it here, with ErrFail
//	slow      it takes 20 ms
type World struct {
	mu     sync.Mutex
	log    []string
	bad    int // calls yet to return ErrBadConn
	cancel context.CancelFunc
}

// Plan says how many calls from now on find a bad connection, and what cancels, if
// anything.
func (w *World) Plan(bad int, cancel context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad, w.cancel = bad, cancel
}

// ErrFail is the error of what is to fail.
var ErrFail = errors.New("fake: failed")

func (w *World) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// Calls returns the record.
func (w *World) Calls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.log...)
}

// outcome is the error that a query's text asks for.
func (w *World) outcome(query string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(query, "cancel") && w.cancel != nil {
		w.cancel()
	}
	switch {
	case strings.Contains(query, "fail"):
		return ErrFail
	case strings.Contains(query, "bad") && w.bad > 0:
		w.bad--
		return driver.ErrBadConn
	}
	return nil
}

// Driver opens connections of one shape, with statements and rows of one shape each.
type Driver struct {
	*World
	Conn, Stmt, Rows int // indices of shapes
}

// Open opens a connection.
func (d *Driver) Open(name string) (driver.Conn, error) {
	d.note("Open %q", name)
	return d.connect()
}

func (d *Driver) connect() (driver.Conn, error) {
	if err := d.outcome("bad"); err != nil {
		return nil, err
	}
	return connShapes[d.Conn](&fakeConn{Driver: d}), nil
}

// ContextDriver is a Driver with connectors of its own.
type ContextDriver struct{ *Driver }

// OpenConnector returns a Connector, or an error for the name "fail".
func (d ContextDriver) OpenConnector(name string) (driver.Connector, error) {
	d.note("OpenConnector %q", name)
	if name == "fail" {
		return nil, ErrFail
	}
	return Connector{d.Driver}, nil
}

// Connector connects with a Driver.
type Connector struct{ D *Driver }

// Connect opens a connection.
func (c Connector) Connect(context.Context) (driver.Conn, error) {
	c.D.note("Connect") // database/sql connects in the context of whoever comes first
	return c.D.connect()
}

// Driver returns the driver.
func (c Connector) Driver() driver.Driver { return c.D }

// ClosingConnector is a Connector that can be closed.
type ClosingConnector struct{ Connector }

// Close fails.
func (c ClosingConnector) Close() error {
	c.D.note("Connector.Close")
	return ErrFail
}

type fakeConn struct {
	*Driver
	invalid bool
	reset   error
}

// hear does what a query's text says of the connection.
func (c *fakeConn) hear(query string) {
	switch {
	case strings.Contains(query, "invalid"):
		c.invalid = true
	case strings.Contains(query, "lost"):
		c.reset = driver.ErrBadConn
	case strings.Contains(query, "stuck"):
		c.reset = ErrFail
	case strings.Contains(query, "slow"):
		time.Sleep(20 * time.Millisecond)
	}
}

// connBase has the methods that every connection has.
type connBase struct{ c *fakeConn }

func (m connBase) Prepare(query string) (driver.Stmt, error) {
	m.c.note("Conn.Prepare %q", query)
	return m.c.prepare(query)
}

func (m connBase) Close() error {
	m.c.note("Conn.Close")
	return nil
}

func (m connBase) Begin() (driver.Tx, error) {
	m.c.note("Conn.Begin")
	return m.c.begin()
}

func (c *fakeConn) prepare(query string) (driver.Stmt, error) {
	if strings.Contains(query, "deaf") {
		return nil, ErrFail
	}
	if strings.Contains(query, "cancel") {
		c.outcome("cancel")
	}
	return stmtShapes[c.Stmt](&fakeStmt{c, query}), nil
}

func (c *fakeConn) begin() (driver.Tx, error) {
	c.outcome("cancel")
	if err := c.outcome("bad"); err != nil {
		return nil, err
	}
	return fakeTx{c}, nil
}

// The methods that a connection may have.
type (
	connPrepareContext  struct{ c *fakeConn }
	connBeginTx         struct{ c *fakeConn }
	connPinger          struct{ c *fakeConn }
	connExecerContext   struct{ c *fakeConn }
	connExecer          struct{ c *fakeConn }
	connQueryerContext  struct{ c *fakeConn }
	connQueryer         struct{ c *fakeConn }
	connSessionResetter struct{ c *fakeConn }
	connValidator       struct{ c *fakeConn }
	connChecker         struct{ c *fakeConn }
)

func (m connPrepareContext) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	m.c.note("Conn.PrepareContext %q %v", query, ctx.Value(Key{}))
	return m.c.prepare(query)
}

func (m connBeginTx) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	m.c.note("Conn.BeginTx %v %v", opts, ctx.Value(Key{}))
	return m.c.begin()
}

func (m connPinger) Ping(ctx context.Context) error {
	m.c.note("Conn.Ping %v", ctx.Value(Key{}))
	return m.c.outcome("bad")
}

func (m connExecerContext) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	m.c.note("Conn.ExecContext %q %v %v", query, args, ctx.Value(Key{}))
	return m.c.execute(query, true)
}

func (m connExecer) Exec(query string, args []driver.Value) (driver.Result, error) {
	m.c.note("Conn.Exec %q %v", query, args)
	return m.c.execute(query, true)
}

func (m connQueryerContext) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	m.c.note("Conn.QueryContext %q %v %v", query, args, ctx.Value(Key{}))
	return m.c.ask(query, true)
}

func (m connQueryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	m.c.note("Conn.Query %q %v", query, args)
	return m.c.ask(query, true)
}

func (m connSessionResetter) ResetSession(ctx context.Context) error {
	m.c.note("Conn.ResetSession %v", ctx.Value(Key{}))
	err := m.c.reset
	m.c.reset = nil
	return err
}

func (m connValidator) IsValid() bool {
	m.c.note("Conn.IsValid")
	return !m.c.invalid
}

func (m connChecker) CheckNamedValue(v *driver.NamedValue) error { return m.c.check("Conn", v) }

func (c *fakeConn) execute(query string, mayskip bool) (driver.Result, error) {
	c.hear(query)
	if mayskip && strings.Contains(query, "skip") {
		return nil, driver.ErrSkip
	}
	if err := c.outcome(query); err != nil {
		return nil, err
	}
	return fakeResult{c.World}, nil
}

func (c *fakeConn) ask(query string, mayskip bool) (driver.Rows, error) {
	c.hear(query)
	if mayskip && strings.Contains(query, "skip") {
		return nil, driver.ErrSkip
	}
	if err := c.outcome(query); err != nil {
		return nil, err
	}
	return rowsShapes[c.Rows](&fakeRows{World: c.World, query: query}), nil
}

// Values on which the ways of checking arguments differ.
type (
	Odd     struct{} // becomes a string that says who made it one
	Removed struct{} // is taken from the arguments
	Refused struct{} // is an error
	Worse   struct{} // becomes what no driver takes
	Valuer  struct{ *World }
)

// Value returns 7.
func (v Valuer) Value() (driver.Value, error) {
	v.note("Value")
	return int64(7), nil
}

// Canceler cancels what was planned when it is made a value.
type Canceler struct{ *World }

// Value returns 8.
func (v Canceler) Value() (driver.Value, error) {
	v.outcome("cancel")
	return int64(8), nil
}

// BadValuer makes a value that is none.
type BadValuer struct{}

// Value returns what no driver takes.
func (BadValuer) Value() (driver.Value, error) { return Odd{}, nil }

// check is a NamedValueChecker that knows some values, and leaves numbers to others.
func (w *World) check(who string, v *driver.NamedValue) error {
	w.note("%s.CheckNamedValue %d %q %T", who, v.Ordinal, v.Name, v.Value)
	switch value := v.Value.(type) {
	case sql.Out:
		*value.Dest.(*string) += " " + who
		v.Value = fmt.Sprint("out ", value.In)
	case Odd:
		v.Value = who
	case Removed:
		return driver.ErrRemoveArgument
	case Refused:
		return ErrFail
	case string:
	default:
		return driver.ErrSkip
	}
	return nil
}

type fakeStmt struct {
	*fakeConn
	query string
}

// stmtBase has the methods that every statement has.
type stmtBase struct{ s *fakeStmt }

func (m stmtBase) Close() error {
	m.s.note("Stmt.Close")
	return nil
}

func (m stmtBase) NumInput() int {
	return strings.Count(m.s.query, "?") - strings.Count(m.s.query, "any")
}

func (m stmtBase) Exec(args []driver.Value) (driver.Result, error) {
	m.s.note("Stmt.Exec %v", args)
	return m.s.execute(m.s.query, false)
}

func (m stmtBase) Query(args []driver.Value) (driver.Rows, error) {
	m.s.note("Stmt.Query %v", args)
	return m.s.ask(m.s.query, false)
}

// The methods that a statement may have.
type (
	stmtExecContext  struct{ s *fakeStmt }
	stmtQueryContext struct{ s *fakeStmt }
	stmtChecker      struct{ s *fakeStmt }
	stmtConverter    struct{ s *fakeStmt }
)

func (m stmtExecContext) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	m.s.note("Stmt.ExecContext %v %v", args, ctx.Value(Key{}))
	return m.s.execute(m.s.query, false)
}

func (m stmtQueryContext) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	m.s.note("Stmt.QueryContext %v %v", args, ctx.Value(Key{}))
	return m.s.ask(m.s.query, false)
}

func (m stmtChecker) CheckNamedValue(v *driver.NamedValue) error { return m.s.check("Stmt", v) }

func (m stmtConverter) ColumnConverter(i int) driver.ValueConverter {
	m.s.note("Stmt.ColumnConverter %d", i)
	return column{m.s.World}
}

type column struct{ *World }

func (c column) ConvertValue(v any) (driver.Value, error) {
	c.note("ConvertValue %T", v)
	switch v.(type) {
	case Odd:
		return "Column", nil
	case Refused:
		return nil, ErrFail
	case Worse:
		return Odd{}, nil
	case string:
		return nil, driver.ErrSkip
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

type fakeRows struct {
	*World
	query string
	at    int
	set   int
}

// rowsBase has the methods that all rows have.
type rowsBase struct{ r *fakeRows }

func (m rowsBase) Columns() []string { return []string{"number", "name"} }

func (m rowsBase) Close() error {
	m.r.note("Rows.Close")
	if strings.Contains(m.r.query, "unclosed") {
		return ErrFail
	}
	return nil
}

func (m rowsBase) Next(dest []driver.Value) error {
	m.r.note("Rows.Next")
	if err := m.r.next(); err != nil {
		return err
	}
	for i := range dest {
		dest[i] = m.r.value(i)
	}
	return nil
}

// next goes to the next row.
func (r *fakeRows) next() error {
	if r.at == 1 && strings.Contains(r.query, "late") {
		return ErrFail
	}
	if r.at == 3 {
		return io.EOF
	}
	r.at++
	return nil
}

// value returns what is in a column of the row.
func (r *fakeRows) value(column int) driver.Value {
	if column == 0 {
		return int64(r.at)
	}
	return "name"
}

// The methods that rows may have.
type (
	rowsNextResultSet struct{ r *fakeRows }
	rowsScanType      struct{ r *fakeRows }
	rowsTypeName      struct{ r *fakeRows }
	rowsLength        struct{ r *fakeRows }
	rowsNullable      struct{ r *fakeRows }
	rowsPrecision     struct{ r *fakeRows }
)

func (m rowsNextResultSet) HasNextResultSet() bool {
	m.r.note("Rows.HasNextResultSet")
	return strings.Contains(m.r.query, "sets") && m.r.set == 0
}

func (m rowsNextResultSet) NextResultSet() error {
	m.r.note("Rows.NextResultSet")
	if !strings.Contains(m.r.query, "sets") || m.r.set > 0 {
		return io.EOF
	}
	m.r.set, m.r.at = 1, 0
	return nil
}

func (m rowsScanType) ColumnTypeScanType(int) reflect.Type { return reflect.TypeFor[int64]() }

func (m rowsTypeName) ColumnTypeDatabaseTypeName(int) string { return "NUMBER" }

func (m rowsLength) ColumnTypeLength(int) (int64, bool) { return 11, true }

func (m rowsNullable) ColumnTypeNullable(int) (bool, bool) { return true, true }

func (m rowsPrecision) ColumnTypePrecisionScale(int) (int64, int64, bool) { return 5, 2, true }

type fakeTx struct{ c *fakeConn }

func (t fakeTx) Commit() error {
	t.c.note("Tx.Commit")
	return t.c.outcome("bad")
}

func (t fakeTx) Rollback() error {
	t.c.note("Tx.Rollback")
	return t.c.outcome("bad")
}

type fakeResult struct{ *World }

func (r fakeResult) LastInsertId() (int64, error) {
	r.note("Result.LastInsertId")
	return 4, nil
}

func (r fakeResult) RowsAffected() (int64, error) {
	r.note("Result.RowsAffected")
	return 3, nil
}

// Key is the key of a value that contexts are known by.
type Key struct{}
