// SPDX-License-Identifier: Apache-2.0

// Package embersql measures databases that are used through database/sql: how long the
// driver's operations take, how they fail, how many rows they are about, and the pool of
// connections.
//
//	db, err := embersql.Open(reg, "pgx", dsn, embersql.Options{DB: "orders"})
//	if err != nil {
//		return err
//	}
//	rows, err := db.QueryContext(ctx, "SELECT …") // as ever
//
// Where the driver has a connector, or is opened by name elsewhere:
//
//	db := sql.OpenDB(embersql.WrapConnector(reg, connector, opts))
//	err := embersql.RegisterStats(reg, db, "orders")
//
//	sql.Register("pgx-measured", embersql.WrapDriver(reg, stdlib.GetDefaultDriver(), opts))
//
// # What is measured
//
//	sql_operation_duration_seconds{db,operation}  histogram
//	sql_errors_total{db,operation,reason}         counter
//	sql_rows_returned_total{db}                   counter
//	sql_rows_affected_total{db}                   counter
//	sql_query_duration_seconds{db,query}          histogram; with Options.QueryName
//	sql_query_errors_total{db,query}              counter; with Options.QueryName
//	go_sql_…{db_name}                             the pool; see [Stats]
//
// The label db is Options.DB. No label ever holds the text of a statement or a part of a
// data source name. An operation is one call of the driver:
//
//   - connect, ping, begin, commit and rollback;
//   - prepare, which is also what a query with arguments is made of, if the driver
//     cannot do it in one;
//   - query and exec, of a statement that was prepared or not. A query lasts until the
//     driver returns its rows, not until the last one was read.
//
// Two more are in sql_errors_total alone: fetch, reading and closing rows, of which the
// first error counts; and reset, which comes before a connection is used again. Closing
// connections and statements is not measured.
//
// Operations that failed are in the histograms too: a time-out takes its time. One that
// panics has failed, and the panic goes on. What a driver skips, driver.ErrSkip, has not
// happened. sql.ErrNoRows is not an error of the driver's and is not counted. The durations
// of the operations and their errors at zero are there from the beginning.
//
// Rows are counted when they are closed, all sets of a query's together: once the last one
// was read, or whoever reads them stops.
//
// # Why it failed
//
// The label reason tells apart what should not wake the same person:
//
//   - canceled and timeout: the context ended, as the context itself says or else the
//     error; drivers often return the database's word for it, or that the connection is
//     bad. The context of a commit or rollback is that in which the transaction began.
//   - bad_connection: driver.ErrBadConn, by which drivers say that nothing was executed.
//     database/sql tries again, up to twice, at last with a new connection, and the caller
//     sees an error only if that fails too. Within a transaction or with a sql.Conn it does
//     not try again, and the caller sees this one.
//   - error, or what Options.ErrorReason makes of it, is everything else.
//
// What was canceled is nobody's failure, and a database that is slow has timeouts and
// little else. So a ratio of failures is
//
//	sum(rate(sql_errors_total{reason!~"canceled|bad_connection"}[5m])) / sum(rate(sql_operation_duration_seconds_count[5m]))
//
// # What a driver can, it still can
//
// A driver shows what it can do by methods that database/sql asks for by type assertion,
// and a wrapper that lacks one, or has one that the driver lacks, changes what programs
// do. This one does not: a test runs the same programs with each of the 1,024 kinds of
// connections that there can be, 16 kinds of statements and 128 kinds of rows (64 before
// Go 1.27), with and without the wrapper, and wants the same calls in the driver and the
// same results.
//
// Where a method's presence alone has a meaning to database/sql (ExecContext,
// QueryContext, ResetSession, IsValid, ColumnConverter, a connector's Close, and since
// Go 1.27 ScanColumn), the wrapper has it if the driver does. The others are always there,
// and do for a driver without them exactly what database/sql does. The one call that a
// driver would not see otherwise is that of driver.Result's RowsAffected, unless
// Options.NoRowsAffected says so.
//
// (*sql.Conn).Raw hands out the wrapper's connection; [Unwrap] makes it the driver's own.
// A function of a driver's that is given a connection and wants its own type, as lib/pq's
// SetNoticeHandler does, has to be given that. A connector that hands its connections to
// one, as that of lib/pq's ConnectorWithNoticeHandler does, is to be wrapped, and not made
// of one that is. A function that calls Raw itself works if it looks for a method Unwrap, as
// Limit of modernc.org/sqlite does, and not otherwise.
//
// # What it costs
//
// Two readings of the clock and an observation for each operation. Allocated are two
// objects for each connection and one for each statement, transaction and query's rows;
// what executes, commits, rolls back, pings or reads a row allocates nothing more than
// without.
package embersql
