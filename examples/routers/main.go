// SPDX-License-Identifier: Apache-2.0

// Routers shows emberhttp with github.com/go-chi/chi and github.com/gorilla/mux.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/embermetrics/ember"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	router := flag.String("router", "chi", "chi or gorilla")
	flag.Parse()

	routers := map[string]func(*ember.Registry) http.Handler{"chi": newChi, "gorilla": newGorilla}
	if routers[*router] == nil {
		log.Fatalf("there is no router %q, only chi and gorilla", *router)
	}
	log.Fatal(http.ListenAndServe(*addr, routers[*router](ember.Default())))
}
