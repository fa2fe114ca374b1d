// SPDX-License-Identifier: Apache-2.0

// Package conformance holds Ember's output against judges that Ember's authors did
// not write: Prometheus' own parsers, prometheus/common, client_python and a running
// Prometheus server. It has nothing but tests, and package judge that they read with.
// It is a module of its own, so that nobody who imports Ember downloads any of them.
//
// Where the judges disagree with Ember, or with each other, and are right to or
// cannot help it, differences_test.go says so, with the reason; there are no other
// exceptions.
package conformance
