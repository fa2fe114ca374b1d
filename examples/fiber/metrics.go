// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/embermetrics/ember"
)

// methods are those that have a name of their own, which outlives the request.
var methods = map[string]string{
	"GET": "GET", "HEAD": "HEAD", "POST": "POST", "PUT": "PUT", "PATCH": "PATCH",
	"DELETE": "DELETE", "CONNECT": "CONNECT", "OPTIONS": "OPTIONS", "TRACE": "TRACE",
}

// metrics returns a middleware that records what emberhttp.Middleware does, but for sizes:
// Fiber has an HTTP server of its own, whose handlers are not those of net/http.
func metrics(reg *ember.Registry) fiber.Handler {
	requests := reg.NewCounterVec(ember.CounterOpts{
		Name: "http_requests_total", Help: "HTTP requests served.",
	}, "method", "path", "status")
	duration := reg.NewHistogramVec(ember.HistogramOpts{
		Name: "http_request_duration_seconds", Unit: "seconds",
		Help: "Time to serve an HTTP request, until the handler was done.",
	}, "method", "path", "status")
	inFlight := reg.NewGauge(ember.GaugeOpts{Name: "http_requests_in_flight", Help: "HTTP requests being served."})

	return func(c fiber.Ctx) error {
		start := time.Now()
		defer inFlight.Track()()
		status := fiber.StatusInternalServerError // if it panics
		defer func() {
			path := "unmatched"
			if c.Matched() { // by more than middleware
				path = c.Route().Path
			}
			method, ok := methods[c.Method()]
			if !ok {
				method = "other"
			}
			label := strconv.Itoa(status)
			requests.With(method, path, label).Inc()
			duration.With(method, path, label).ObserveDuration(time.Since(start))
		}()
		err := c.Next()
		// Fiber makes a status of an error after all middleware.
		status = c.Response().StatusCode()
		if err != nil {
			status = fiber.StatusInternalServerError
			if e, ok := errors.AsType[*fiber.Error](err); ok {
				status = e.Code
			}
		}
		return err
	}
}
