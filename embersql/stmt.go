// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
)

// stmt is a driver's prepared statement, measured. As with conn, its methods do for a
// driver without them what database/sql does in their absence.
type stmt struct {
	driver.Stmt
	c *conn
}

// convertingStmt is a stmt with a ColumnConverter, whose presence alone changes how
// database/sql checks arguments.
type convertingStmt struct{ *stmt }

func wrapStmt(s driver.Stmt, c *conn) driver.Stmt {
	w := &stmt{s, c}
	if _, ok := s.(columnConverter); ok {
		return convertingStmt{w}
	}
	return w
}

func (s convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	return s.Stmt.(columnConverter).ColumnConverter(i)
}

// CheckNamedValue asks the connection if the statement cannot tell.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.c.CheckNamedValue(v)
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	k := s.c.rec.call(ctx, opExec)
	defer k.end()
	res, err := s.execute(ctx, args)
	k.returned(err)
	if err == nil {
		s.c.rec.result(res)
	}
	return res, err
}

func (s *stmt) execute(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := s.Stmt.(driver.StmtExecContext); ok {
		return e.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return oldStmt(s.Stmt).Exec(values)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	k := s.c.rec.call(ctx, opQuery)
	defer k.end()
	r, err := s.queryRows(ctx, args)
	k.returned(err)
	return s.c.rec.rows(ctx, r, err)
}

func (s *stmt) queryRows(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
		return q.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return oldStmt(s.Stmt).Query(values)
}
