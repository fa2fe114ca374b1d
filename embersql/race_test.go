// SPDX-License-Identifier: Apache-2.0

//go:build race

package embersql_test

// stride leaves four of five connections out where everything takes ten times as long.
const stride = 5
