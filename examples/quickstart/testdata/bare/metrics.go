// SPDX-License-Identifier: Apache-2.0

// This file stands in for ../../metrics.go when the test builds the service
// without metrics, to see what they add to the binary.

package main

import "net/http"

type metrics struct{}

func newMetrics(func() float64) *metrics { return &metrics{} }

func (m *metrics) handler() http.Handler { return http.NotFoundHandler() }

func (m *metrics) count(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

func (m *metrics) measure(mux *http.ServeMux) http.Handler { return mux }
