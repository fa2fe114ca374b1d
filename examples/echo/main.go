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

// newService has the middleware around Echo, which is a http.Handler, so that it sees what
// Echo makes of errors, and lets Echo say which route it found.
func newService(reg *ember.Registry) http.Handler {
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err != echo.ErrNotFound && err != echo.ErrMethodNotAllowed {
				emberhttp.SetRoute(c.Request().Context(), c.Path())
			}
			return err
		}
	})
	e.GET("/metrics", echo.WrapHandler(ember.HandlerFor(reg, ember.HandlerOpts{})))
	e.GET("/users/:id", func(c echo.Context) error { return c.String(http.StatusOK, "user "+c.Param("id")) })
	return emberhttp.Middleware(reg, emberhttp.Options{})(e)
}
