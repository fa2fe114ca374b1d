// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"errors"
	"time"
)

// errPanicked stands for the error of a call that did not return.
var errPanicked = errors.New("ember: the database driver panicked")

// call is an operation under way:
//
//	k := rec.call(ctx, opPing)
//	defer k.end()
//	err := driver.Ping(ctx)
//	k.returned(err)
//
// It is recorded when it returns, or as failed when it does not: if the driver panics, or
// ends the goroutine. It lives on the stack, and end costs little beside the clock.
type call struct {
	rec   *recorder
	ctx   context.Context
	start time.Time
	op    operation
	over  bool
}

func (r *recorder) call(ctx context.Context, op operation) call {
	return call{rec: r, ctx: ctx, op: op, start: time.Now()}
}

// returned records that the operation ended with err.
func (k *call) returned(err error) {
	k.over = true
	k.rec.record(k.ctx, k.op, k.start, err)
}

// skipped says that the operation has not happened.
func (k *call) skipped() { k.over = true }

// end records an operation that did not return.
func (k *call) end() {
	if !k.over {
		k.rec.record(k.ctx, k.op, k.start, errPanicked)
	}
}
