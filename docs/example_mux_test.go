// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"log"
	"net/http"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// A service that has a mux already.
func Example_existingMux() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)

	mux.Handle("GET /metrics", ember.Handler())
	measured := emberhttp.Middleware(ember.Default(), emberhttp.Options{})(mux)
	log.Fatal(http.ListenAndServe("localhost:8080", measured))
}
