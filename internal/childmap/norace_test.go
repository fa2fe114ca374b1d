// SPDX-License-Identifier: Apache-2.0

//go:build !race

package childmap

// raceEnabled makes tests smaller that the race detector would make slow.
const raceEnabled = false
