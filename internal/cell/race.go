// SPDX-License-Identifier: Apache-2.0

//go:build race

package cell

import (
	"runtime"
	"unsafe"
)

// The race detector does not know what atomic instructions order whose words are not Go's
// memory. So it is told that who takes a shard comes after all who released one. The
// address is that of a field without atomic instructions: a store by one of these would
// make the detector forget who released before.

func acquired(b *Block) { runtime.RaceAcquire(unsafe.Pointer(&b.elsewhere)) }

func released(b *Block) { runtime.RaceReleaseMerge(unsafe.Pointer(&b.elsewhere)) }
