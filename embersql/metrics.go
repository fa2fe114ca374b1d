// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/embermetrics/ember"
)

// operation is what a driver was asked to do.
type operation uint8

const (
	opConnect operation = iota
	opPing
	opPrepare
	opQuery
	opExec
	opBegin
	opCommit
	opRollback
	timedOperations

	// The others have errors alone: they are part of something that is timed, or the time
	// is the reader's.
	opReset operation = iota - 1
	opFetch
	operations
)

var operationNames = [operations]string{"connect", "ping", "prepare", "query", "exec", "begin", "commit", "rollback", "reset", "fetch"}

// The reasons of errors that are not the hook's.
const (
	reasonError         = "error"
	reasonBadConnection = "bad_connection"
	reasonCanceled      = "canceled"
	reasonTimeout       = "timeout"
)

// How many names of statements and reasons of errors are told apart.
const (
	maxQueries = 100
	maxReasons = 30 + 4 // those of the hook and those above
)

// defaultBuckets are finer than those of a service: a statement found in memory takes
// a fraction of a millisecond.
var defaultBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// recorder records what one database does. It does not change and may be used by any
// number of goroutines.
type recorder struct {
	db        string
	durations [timedOperations]*ember.Histogram
	errors    *ember.CounterVec
	returned  *ember.Counter
	affected  *ember.Counter // nil: not counted

	reasonOf  func(error) string           // nil: none has one
	nameOf    func(context.Context) string // nil: none has one
	named     *ember.HistogramVec          // nil without nameOf
	namedFail *ember.CounterVec            // nil without nameOf
}

func newRecorder(reg *ember.Registry, o Options) *recorder {
	if reg == nil {
		reg = ember.Default()
	}
	buckets := o.Buckets
	if len(buckets) == 0 && o.Native == nil {
		buckets = defaultBuckets
	}
	r := &recorder{db: cmp.Or(o.DB, "default"), reasonOf: o.ErrorReason, nameOf: o.QueryName}

	durations := reg.NewHistogramVec(ember.HistogramOpts{
		Name:    "sql_operation_duration_seconds",
		Help:    "Time that calls of the database driver took, failed ones too.",
		Unit:    "seconds",
		Buckets: buckets,
		Native:  o.Native,
	}, "db", "operation")
	r.errors = reg.NewCounterVec(ember.CounterOpts{
		Name:         "sql_errors_total",
		Help:         "Calls of the database driver that failed.",
		LabelBudgets: map[string]int{"reason": maxReasons},
		KnownValues:  map[string][]string{"reason": {reasonError, reasonBadConnection, reasonCanceled, reasonTimeout}},
	}, "db", "operation", "reason")
	for op := range timedOperations {
		r.durations[op] = durations.With(r.db, operationNames[op])
		r.errors.With(r.db, operationNames[op], reasonError) // at zero, so that ratios are there before errors are
	}
	r.returned = reg.NewCounterVec(ember.CounterOpts{
		Name: "sql_rows_returned_total",
		Help: "Rows that queries returned and somebody read.",
	}, "db").With(r.db)
	if !o.NoRowsAffected {
		r.affected = reg.NewCounterVec(ember.CounterOpts{
			Name: "sql_rows_affected_total",
			Help: "Rows that statements affected, as far as the driver says.",
		}, "db").With(r.db)
	}
	if r.nameOf != nil {
		budget := map[string]int{"query": maxQueries}
		r.named = reg.NewHistogramVec(ember.HistogramOpts{
			Name:         "sql_query_duration_seconds",
			Help:         "Time that statements with a name took, failed ones too.",
			Unit:         "seconds",
			Buckets:      buckets,
			Native:       o.Native,
			LabelBudgets: budget,
		}, "db", "query")
		r.namedFail = reg.NewCounterVec(ember.CounterOpts{
			Name:         "sql_query_errors_total",
			Help:         "Statements with a name that failed.",
			LabelBudgets: budget,
		}, "db", "query")
	}
	return r
}

// record records an operation that began at start and has just ended. One that is about
// a statement may have a name.
func (r *recorder) record(ctx context.Context, op operation, start time.Time, err error) {
	seconds := time.Since(start).Seconds()
	r.durations[op].ObserveContext(ctx, seconds)
	if err != nil {
		r.fail(ctx, op, err)
	}
	if r.nameOf == nil || op != opQuery && op != opExec {
		return
	}
	if name := r.nameOf(ctx); name != "" {
		r.named.With(r.db, name).ObserveContext(ctx, seconds)
		if err != nil {
			r.namedFail.With(r.db, name).IncContext(ctx)
		}
	}
}

// fail counts an error.
func (r *recorder) fail(ctx context.Context, op operation, err error) {
	r.errors.With(r.db, operationNames[op], r.reason(ctx, err)).IncContext(ctx)
}

// reason says what is to be known of an error. Drivers that stop at the end of a context
// often return the database's word for that and not the context's, or that the connection
// is bad, as it is then. So the context comes first, as it does for database/sql, which
// does not try again in one that has ended.
func (r *recorder) reason(ctx context.Context, err error) string {
	if err == errPanicked {
		return reasonError
	}
	switch ended := ctx.Err(); {
	case ended == context.Canceled:
		return reasonCanceled
	case ended != nil:
		return reasonTimeout
	case errors.Is(err, driver.ErrBadConn):
		return reasonBadConnection
	case errors.Is(err, context.Canceled):
		return reasonCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return reasonTimeout
	}
	if r.reasonOf != nil {
		return cmp.Or(r.reasonOf(err), reasonError)
	}
	return reasonError
}

// result counts what a statement affected.
func (r *recorder) result(res driver.Result) {
	if r.affected == nil || res == nil {
		return
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		r.affected.Add(float64(n))
	}
}
