// SPDX-License-Identifier: Apache-2.0

// Package monitoring_test writes and tests the files beside it, which operators load into
// Prometheus and Grafana. What takes a parser of expressions or a server is in e2e.
package monitoring_test
