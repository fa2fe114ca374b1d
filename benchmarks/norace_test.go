// SPDX-License-Identifier: Apache-2.0

//go:build !race

package benchmarks_test

const raceEnabled = false

const manySeries = 1_000_000
