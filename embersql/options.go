// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"

	"github.com/embermetrics/ember"
)

// Options says how a database is measured. The zero Options measure everything that is
// measured without being asked for.
type Options struct {
	// DB is the value of the label db: a name for the database, or for the role in
	// which it is used, such as "orders" or "orders-replica". Empty means "default".
	DB string

	// Buckets are the upper bounds, in seconds, of the histograms of durations. They are
	// the same for all databases of a registry. None: 500 µs to 10 s, in 14 steps.
	Buckets []float64
	// Native makes those histograms native ones, on the terms of ember.HistogramOpts.
	Native *ember.NativeOpts

	// QueryName returns a name for the statement that is executed or queried with this
	// context, or nothing if it has none. Statements that have one are also measured in
	// sql_query_duration_seconds and sql_query_errors_total. Names are for programmers to
	// choose, never a statement's text: of a registry's databases together 100 names are
	// told apart, the others are "other". The function QueryName is one.
	QueryName func(context.Context) string

	// ErrorReason returns the label reason of an error that is neither a bad connection nor
	// the end of a context: the class of a SQLSTATE, perhaps. Nothing means "error". 30 of
	// a registry's reasons are told apart, the others are "other".
	ErrorReason func(error) string

	// NoRowsAffected says not to ask the driver how many rows a statement affected. That is
	// a call of driver.Result which the driver would not see otherwise. Those of PostgreSQL,
	// MySQL and SQLite have the answer at hand; one that waits for the end of the statement
	// until then does better without.
	NoRowsAffected bool
}

// queryKey is the key of a statement's name in a context.
type queryKey struct{}

// WithQueryName returns a context in which statements have a name, for QueryName.
func WithQueryName(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, queryKey{}, name)
}

// QueryName returns the name that WithQueryName gave, or nothing. It is meant for
// Options.QueryName.
func QueryName(ctx context.Context) string {
	name, _ := ctx.Value(queryKey{}).(string)
	return name
}
