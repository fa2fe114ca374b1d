// SPDX-License-Identifier: Apache-2.0

// Package ember counts and times what a service does, and lets Prometheus scrape
// it.
package ember
