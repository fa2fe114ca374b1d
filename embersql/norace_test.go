// SPDX-License-Identifier: Apache-2.0

//go:build !race

package embersql_test

// stride is from one kind of connection to the next: all of them.
const stride = 1
