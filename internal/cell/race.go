// SPDX-License-Identifier: Apache-2.0

//go:build race

package cell

import (
	"runtime"
	"unsafe"
)

// The race detector does not know what atomic instructions order whose words are not Go's
// memory. So it is told that who takes a shard comes after all who released one. It goes by
// an address, which must be that of no field: a store by an atomic instruction there would
// make it forget who released before.

func order(b *Block) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(&b.waits), 1) }

func acquired(b *Block) { runtime.RaceAcquire(order(b)) }

func released(b *Block) { runtime.RaceReleaseMerge(order(b)) }
