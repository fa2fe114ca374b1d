// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
	"io"
	"reflect"
)

// rows are a driver's rows, counted. They have all methods that rows may have without
// database/sql behaving otherwise: where the driver's have none, what they return is what
// database/sql takes in their absence. The others are added by wrapRows.
type rows struct {
	driver.Rows
	rec    *recorder
	ctx    context.Context // of the query; for what is wrong with a row
	read   int             // rows that are not counted yet
	failed bool            // an error was counted: drivers return it again from Close
}

// rows returns what a query returned, counted.
func (r *recorder) rows(ctx context.Context, dr driver.Rows, err error) (driver.Rows, error) {
	if err != nil || dr == nil {
		return dr, err
	}
	return wrapRows(&rows{Rows: dr, rec: r, ctx: ctx}), nil
}

func (r *rows) Next(dest []driver.Value) (err error) {
	err = errPanicked
	defer r.note(&err)
	err = r.Rows.Next(dest)
	if err == nil {
		r.read++
	}
	return err
}

// Close counts the rows: one addition for all of them.
func (r *rows) Close() (err error) {
	if r.read > 0 {
		r.rec.returned.Add(float64(r.read))
		r.read = 0
	}
	err = errPanicked
	defer r.note(&err)
	return r.Rows.Close()
}

// note counts the first error, which is errPanicked until there is another one or none.
// The end of the rows is no error.
func (r *rows) note(err *error) {
	if *err != nil && *err != io.EOF && !r.failed {
		r.failed = true
		r.rec.fail(r.ctx, opFetch, *err)
	}
}

func (r *rows) HasNextResultSet() bool {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

func (r *rows) NextResultSet() (err error) {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	if !ok {
		return io.EOF
	}
	err = errPanicked
	defer r.note(&err)
	return n.NextResultSet()
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if c, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return c.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if c, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return c.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypeLength); ok {
		return c.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypeNullable); ok {
		return c.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok {
		return c.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
