// SPDX-License-Identifier: Apache-2.0

//go:build go1.27

package embersql

import "database/sql/driver"

// scanningRows are rows that scan their columns themselves, which database/sql reads by
// these methods if they are there, and not by Next.
type scanningRows struct{ *rows }

func wrapRows(r *rows) driver.Rows {
	if _, ok := r.Rows.(driver.RowsColumnScanner); ok {
		return scanningRows{r}
	}
	return r
}

func (r scanningRows) NextRow() (err error) {
	err = errPanicked
	defer r.note(&err)
	err = r.Rows.(driver.RowsColumnScanner).NextRow()
	if err == nil {
		r.read++
	}
	return err
}

// ScanColumn counts no errors: like those of Scan, they are about where the value is to go.
func (r scanningRows) ScanColumn(ctx driver.ScanContext, index int, dest any) error {
	return r.Rows.(driver.RowsColumnScanner).ScanColumn(ctx, index, dest)
}
