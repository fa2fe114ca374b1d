// SPDX-License-Identifier: Apache-2.0

//go:build go1.27

package fake

import (
	"database/sql"
	"database/sql/driver"
)

func init() {
	RowsOptions = append(RowsOptions, "rowsColumnScanner")
	rowsShapes = append(rowsShapes, scannerShapes...)
}

// rowsColumnScanner has the methods of rows that scan their columns themselves.
type rowsColumnScanner struct{ r *fakeRows }

func (m rowsColumnScanner) NextRow() error {
	m.r.note("Rows.NextRow")
	return m.r.next()
}

func (m rowsColumnScanner) ScanColumn(ctx driver.ScanContext, i int, dest any) error {
	m.r.note("Rows.ScanColumn %d", i)
	return sql.ConvertAssign(ctx, dest, m.r.value(i))
}
