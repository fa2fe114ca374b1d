// SPDX-License-Identifier: Apache-2.0

//go:build !race

package collectors_test

const raceEnabled = false
