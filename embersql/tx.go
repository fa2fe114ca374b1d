// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
	"time"
)

// tx is a driver's transaction, measured.
type tx struct {
	driver.Tx
	rec *recorder
	ctx context.Context // in which it began; its end is given none
}

func (t *tx) Commit() error {
	start := time.Now()
	err := t.Tx.Commit()
	t.rec.record(t.ctx, opCommit, start, err)
	return err
}

func (t *tx) Rollback() error {
	start := time.Now()
	err := t.Tx.Rollback()
	t.rec.record(t.ctx, opRollback, start, err)
	return err
}
