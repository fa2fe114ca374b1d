// SPDX-License-Identifier: Apache-2.0

// Echo shows emberhttp with github.com/labstack/echo.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()

	log.Fatal(http.ListenAndServe(*addr, newService(ember.Default())))
}

func newService(reg *ember.Registry) http.Handler {
	e := echo.New()
	e.GET("/metrics", echo.WrapHandler(ember.HandlerFor(reg, ember.HandlerOpts{})))
	e.GET("/users/:id", func(c echo.Context) error { return c.String(http.StatusOK, "user "+c.Param("id")) })
	return measure(reg, e)
}

// measure returns e, which has all its routes, with the middleware around it, which sees
// what Echo makes of errors. Echo says which route it found, but has a path of some requests
// too that it found none for, and handlers may return echo.ErrNotFound of their own; so only
// the paths of routes that there are count.
func measure(reg *ember.Registry, e *echo.Echo) http.Handler {
	type route struct{ method, path string }
	routes := make(map[route]bool)
	for _, r := range e.Routes() {
		routes[route{r.Method, r.Path}] = true
	}
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if routes[route{c.Request().Method, c.Path()}] {
				emberhttp.SetRoute(c.Request().Context(), c.Path())
			}
			return next(c)
		}
	})
	return emberhttp.Middleware(reg, emberhttp.Options{})(e)
}
