// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// newChi has the middleware inside the router, which knows the route once the handler
// is done: chi hands its own context through, and fills it while it finds its way.
func newChi(reg *ember.Registry) http.Handler {
	r := chi.NewRouter()
	r.Use(emberhttp.Middleware(reg, emberhttp.Options{Route: chiRoute}))
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

// chiRoute returns the template of the route that served r. If only a part of the routers
// matched, chi knows the template of that part, and leaves it in r.Pattern. It looks like that
// of a route for all that is beneath, and only another search tells them apart.
func chiRoute(r *http.Request) string {
	c := chi.RouteContext(r.Context())
	template := c.RoutePattern()
	if strings.HasSuffix(template, "/*") && !c.Routes.Match(chi.NewRouteContext(), c.RouteMethod, cmp.Or(r.URL.RawPath, r.URL.Path)) {
		return "unmatched"
	}
	return template
}
