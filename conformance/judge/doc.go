// SPDX-License-Identifier: Apache-2.0

// Package judge reads expositions with parsers that are not Ember's, and turns
// whatever they say into one model, so that it can be compared: with what was
// meant, and with what another one of them read.
//
// The judges are Prometheus itself (its package textparse, which reads every
// format), prometheus/common (expfmt for text, client_model for protobuf) and
// client_python (OpenMetrics 1, read more strictly than anybody else does).
//
// Package judge knows nothing of Ember but package metric's label.
package judge
