// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// newChi has the middleware inside the router, which knows the route once the handler
// is done: chi hands its own context through, and fills it while it finds its way.
func newChi(reg *ember.Registry) http.Handler {
	r := chi.NewRouter()
	r.Use(emberhttp.Middleware(reg, emberhttp.Options{Route: func(r *http.Request) string {
		return chi.RouteContext(r.Context()).RoutePattern()
	}}))
	r.Handle("/metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	r.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "user", chi.URLParam(r, "id"))
	})
	r.Route("/teams/{team}", func(r chi.Router) {
		r.Get("/members/{id}", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "member", chi.URLParam(r, "id"), "of", chi.URLParam(r, "team"))
		})
	})
	return r
}
