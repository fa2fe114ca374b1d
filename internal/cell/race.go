// SPDX-License-Identifier: Apache-2.0

//go:build race

package cell

import (
	"runtime"
	"unsafe"
)

// The race detector does not know what atomic instructions order whose words are not Go's
// memory. So it is told that who takes a shard comes after who released one.

func acquired(b *Block) { runtime.RaceAcquire(unsafe.Pointer(&b.waits)) }

func released(b *Block) { runtime.RaceReleaseMerge(unsafe.Pointer(&b.waits)) }
