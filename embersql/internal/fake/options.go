// SPDX-License-Identifier: Apache-2.0

package fake

// What connections, statements and rows may have beyond what they must. Bit i of a
// shape's index says that it has the methods of option i.
var (
	ConnOptions = []string{
		"connPrepareContext", "connBeginTx", "connPinger", "connExecerContext", "connExecer",
		"connQueryerContext", "connQueryer", "connSessionResetter", "connValidator", "connChecker",
	}
	StmtOptions = []string{"stmtExecContext", "stmtQueryContext", "stmtChecker", "stmtConverter"}
	RowsOptions = []string{"rowsNextResultSet", "rowsScanType", "rowsTypeName", "rowsLength", "rowsNullable", "rowsPrecision"}
)
