// SPDX-License-Identifier: Apache-2.0

// Fiber shows how github.com/gofiber/fiber gets the metrics of emberhttp.
package main

import (
	"flag"
	"log"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/embermetrics/ember"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()
	log.Fatal(newService(ember.Default()).Listen(*addr))
}

func newService(reg *ember.Registry) *fiber.App {
	app := fiber.New()
	app.Use(metrics(reg))
	app.Get("/metrics", adaptor.HTTPHandler(ember.HandlerFor(reg, ember.HandlerOpts{})))
	app.Get("/users/:id", func(c fiber.Ctx) error { return c.SendString("user " + c.Params("id")) })
	return app
}
