// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// newGorilla has the middleware around the router, so that it sees the requests too that
// no route matches, and a small one inside, which gorilla calls once it knows the route.
func newGorilla(reg *ember.Registry) http.Handler {
	r := mux.NewRouter()
	r.Use(setRoute)
	r.Handle("/metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	r.HandleFunc("/users/{id:[0-9]+}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "user", mux.Vars(r)["id"])
	}).Methods("GET")
	teams := r.PathPrefix("/teams/{team}").Subrouter()
	teams.HandleFunc("/members/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "member", mux.Vars(r)["id"], "of", mux.Vars(r)["team"])
	}).Methods("GET")
	return emberhttp.Middleware(reg, emberhttp.Options{})(r)
}

func setRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			emberhttp.SetRoute(r.Context(), template)
		}
		next.ServeHTTP(w, r)
	})
}
