// SPDX-License-Identifier: Apache-2.0

// Bare is an HTTP server without metrics: what the others are compared with.
//
// It listens on the address it is given. Without one it ends when it would listen.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Hello!\n")
	})
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
}
