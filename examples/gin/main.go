// SPDX-License-Identifier: Apache-2.0

// Gin shows emberhttp with github.com/gin-gonic/gin.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()

	log.Fatal(http.ListenAndServe(*addr, newService(ember.Default())))
}

// newService has the middleware around gin, which is a http.Handler, and lets gin say which
// route it found.
func newService(reg *ember.Registry) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.Use(func(c *gin.Context) {
		emberhttp.SetRoute(c.Request.Context(), c.FullPath()) // "" if there is none
	})
	g.GET("/metrics", gin.WrapH(ember.HandlerFor(reg, ember.HandlerOpts{})))
	g.GET("/users/:id", func(c *gin.Context) { c.String(http.StatusOK, "user %s", c.Param("id")) })
	return emberhttp.Middleware(reg, emberhttp.Options{})(g)
}
