// SPDX-License-Identifier: Apache-2.0

//go:build !go1.27

package embersql

import "database/sql/driver"

// wrapRows returns rows as they are: database/sql reads all of them by Next.
func wrapRows(r *rows) driver.Rows { return r }
