// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql/driver"
)

// tx is a driver's transaction, measured.
type tx struct {
	driver.Tx
	rec *recorder
	ctx context.Context // in which it began; its end is given none
}

func (t *tx) Commit() error {
	k := t.rec.call(t.ctx, opCommit)
	defer k.end()
	err := t.Tx.Commit()
	k.returned(err)
	return err
}

func (t *tx) Rollback() error {
	k := t.rec.call(t.ctx, opRollback)
	defer k.end()
	err := t.Tx.Rollback()
	k.returned(err)
	return err
}
