// SPDX-License-Identifier: Apache-2.0

//go:build race

package benchmarks_test

const raceEnabled = true

// manySeries keeps the slower tests short; where they wait or not is the same.
const manySeries = 100_000
