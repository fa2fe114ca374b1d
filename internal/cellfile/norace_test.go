// SPDX-License-Identifier: Apache-2.0

//go:build !race

package cellfile_test

const raceEnabled = false
