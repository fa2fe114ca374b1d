// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
	"errors"
)

// What package driver has declared deprecated and database/sql still calls, because old
// drivers have nothing else: each is the interface, or a part of it, of the same methods.
type (
	oldExecer interface { // driver.Execer
		Exec(query string, args []driver.Value) (driver.Result, error)
	}
	oldQueryer interface { // driver.Queryer
		Query(query string, args []driver.Value) (driver.Rows, error)
	}
	oldBeginner interface { // of driver.Conn
		Begin() (driver.Tx, error)
	}
	oldStmt interface { // of driver.Stmt
		Exec(args []driver.Value) (driver.Result, error)
		Query(args []driver.Value) (driver.Rows, error)
	}
	columnConverter interface { // driver.ColumnConverter
		ColumnConverter(int) driver.ValueConverter
	}
)

// unnamed returns the arguments as old drivers take them, which know no names, or the
// error of database/sql.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}
