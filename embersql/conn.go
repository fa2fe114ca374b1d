// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
	"errors"
)

// conn is a driver's connection, measured. Its methods are those which every connection
// may have without database/sql behaving otherwise: where the driver's has none, they do
// what database/sql does in its absence. The others are added by wrapConn.
//
// Like every connection, it is for one goroutine at a time.
type conn struct {
	driver.Conn
	rec *recorder

	execCtx  driver.ExecerContext  // nil: none
	exec     oldExecer             // nil: none, or there is execCtx
	queryCtx driver.QueryerContext // nil: none
	query    oldQueryer            // nil: none, or there is queryCtx
}

// Raw and Unwrap return the driver's own connection, for code that does not import this
// package. Drivers ask for it by either name.
func (c *conn) Raw() driver.Conn    { return c.Conn }
func (c *conn) Unwrap() driver.Conn { return c.Conn }

// Unwrap returns the driver's own connection where (*sql.Conn).Raw hands out one that
// is measured, and everything else as it is:
//
//	err := conn.Raw(func(dc any) error {
//		_, err := embersql.Unwrap(dc).(*stdlib.Conn).Conn().CopyFrom(ctx, table, columns, rows)
//		return err
//	})
//
// What is done with it is not measured.
func Unwrap(driverConn any) any {
	for {
		w, ok := driverConn.(interface{ measured() *conn })
		if !ok {
			return driverConn
		}
		driverConn = w.measured().Conn
	}
}

func (c *conn) measured() *conn { return c }

// PrepareContext does for a driver without it what database/sql would.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	k := c.rec.call(ctx, opPrepare)
	defer k.end()
	s, err := c.prepare(ctx, query)
	k.returned(err)
	if err != nil || s == nil {
		return s, err
	}
	return wrapStmt(s, c), nil
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.Conn.Prepare(query)
	if err == nil && ctx.Err() != nil {
		s.Close()
		return nil, ctx.Err()
	}
	return s, err
}

// BeginTx does for a driver without it what database/sql would.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	k := c.rec.call(ctx, opBegin)
	defer k.end()
	t, err := c.begin(ctx, opts)
	k.returned(err)
	if err != nil || t == nil {
		return t, err
	}
	return &tx{t, c.rec, ctx}, nil
}

func (c *conn) begin(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.Conn.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	switch {
	case opts.Isolation != 0:
		return nil, errors.New("sql: driver does not support non-default isolation level")
	case opts.ReadOnly:
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	t, err := oldBeginner(c.Conn).Begin()
	if err == nil && ctx.Err() != nil {
		t.Rollback()
		return nil, ctx.Err()
	}
	return t, err
}

// Ping finds a connection well whose driver cannot tell, as database/sql does.
func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	k := c.rec.call(ctx, opPing)
	defer k.end()
	err := p.Ping(ctx)
	k.returned(err)
	return err
}

// CheckNamedValue leaves arguments to database/sql if the driver does.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// execs, queries, resets and validates are the methods whose presence alone has a
// meaning to database/sql. See wrapConn.
type (
	execs     struct{ c *conn }
	queries   struct{ c *conn }
	resets    struct{ c *conn }
	validates struct{ c *conn }
)

func (e execs) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c := e.c
	k := c.rec.call(ctx, opExec)
	defer k.end()
	res, err := c.execute(ctx, query, args)
	if err == driver.ErrSkip {
		k.skipped() // database/sql goes on to prepare
		return res, err
	}
	k.returned(err)
	if err == nil {
		c.rec.result(res)
	}
	return res, err
}

func (c *conn) execute(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.execCtx != nil {
		return c.execCtx.ExecContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return c.exec.Exec(query, values)
}

func (q queries) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c := q.c
	k := c.rec.call(ctx, opQuery)
	defer k.end()
	r, err := c.queryRows(ctx, query, args)
	if err == driver.ErrSkip {
		k.skipped()
		return r, err
	}
	k.returned(err)
	return c.rec.rows(ctx, r, err)
}

func (c *conn) queryRows(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.queryCtx != nil {
		return c.queryCtx.QueryContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return c.query.Query(query, values)
}

func (r resets) ResetSession(ctx context.Context) (err error) {
	err = errPanicked
	defer func() {
		if err != nil {
			r.c.rec.fail(ctx, opReset, err)
		}
	}()
	return r.c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (v validates) IsValid() bool { return v.c.Conn.(driver.Validator).IsValid() }

// wrapConn returns dc measured, with exactly those methods that make a difference to
// database/sql by being there:
//
//   - ExecContext and QueryContext: arguments are checked before they are called, and if
//     they return driver.ErrSkip a second time for the statement, where other checks
//     may hold.
//   - ResetSession and IsValid: a connection that has both outlives a transaction whose
//     context ended.
func wrapConn(dc driver.Conn, r *recorder) driver.Conn {
	c := &conn{Conn: dc, rec: r}
	var canExec, canQuery bool
	if c.execCtx, canExec = dc.(driver.ExecerContext); !canExec {
		c.exec, canExec = dc.(oldExecer)
	}
	if c.queryCtx, canQuery = dc.(driver.QueryerContext); !canQuery {
		c.query, canQuery = dc.(oldQueryer)
	}
	_, canReset := dc.(driver.SessionResetter)
	_, canValidate := dc.(driver.Validator)

	e, q, s, v := execs{c}, queries{c}, resets{c}, validates{c}
	switch [4]bool{canExec, canQuery, canReset, canValidate} {
	case [4]bool{true, true, true, true}:
		return struct {
			*conn
			execs
			queries
			resets
			validates
		}{c, e, q, s, v}
	case [4]bool{true, true, true, false}:
		return struct {
			*conn
			execs
			queries
			resets
		}{c, e, q, s}
	case [4]bool{true, true, false, true}:
		return struct {
			*conn
			execs
			queries
			validates
		}{c, e, q, v}
	case [4]bool{true, true, false, false}:
		return struct {
			*conn
			execs
			queries
		}{c, e, q}
	case [4]bool{true, false, true, true}:
		return struct {
			*conn
			execs
			resets
			validates
		}{c, e, s, v}
	case [4]bool{true, false, true, false}:
		return struct {
			*conn
			execs
			resets
		}{c, e, s}
	case [4]bool{true, false, false, true}:
		return struct {
			*conn
			execs
			validates
		}{c, e, v}
	case [4]bool{true, false, false, false}:
		return struct {
			*conn
			execs
		}{c, e}
	case [4]bool{false, true, true, true}:
		return struct {
			*conn
			queries
			resets
			validates
		}{c, q, s, v}
	case [4]bool{false, true, true, false}:
		return struct {
			*conn
			queries
			resets
		}{c, q, s}
	case [4]bool{false, true, false, true}:
		return struct {
			*conn
			queries
			validates
		}{c, q, v}
	case [4]bool{false, true, false, false}:
		return struct {
			*conn
			queries
		}{c, q}
	case [4]bool{false, false, true, true}:
		return struct {
			*conn
			resets
			validates
		}{c, s, v}
	case [4]bool{false, false, true, false}:
		return struct {
			*conn
			resets
		}{c, s}
	case [4]bool{false, false, false, true}:
		return struct {
			*conn
			validates
		}{c, v}
	case [4]bool{false, false, false, false}:
		return struct {
			*conn
		}{c}
	}
	panic("unreachable")
}
