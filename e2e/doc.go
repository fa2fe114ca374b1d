// SPDX-License-Identifier: Apache-2.0

// Package e2e tests Ember against the real thing: databases and caches that it starts,
// talks to by their usual drivers, and stops, and Prometheus servers whose alerts fire. It
// is a module of its own so that none of those drivers is in the go.mod of Ember's users.
//
// On Debian it wants the packages postgresql, redis-server and prometheus. Tests that lack
// one are skipped, and under CI=true fail.
package e2e
