// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// service answers requests for data, each of which leaves a job to be done later.
type service struct {
	metrics *metrics
	jobs    chan struct{}
	queued  atomic.Int64 // jobs ever queued; the number of the latest
	done    atomic.Int64 // of these
}

func newService() *service {
	s := &service{jobs: make(chan struct{}, 100)}
	s.metrics = newMetrics(func() float64 { return float64(len(s.jobs)) })
	return s
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /api/data", s.metrics.count(s.data))
	mux.Handle("GET /api/jobs/{id}", s.metrics.count(s.job))
	mux.Handle("GET /api/panic", s.metrics.count(s.panic))
	mux.Handle("GET /metrics", s.metrics.handler())
	return s.metrics.measure(mux)
}

// data takes some milliseconds and fails now and then.
func (s *service) data(w http.ResponseWriter, r *http.Request) error {
	select {
	case <-time.After(time.Millisecond + rand.N(20*time.Millisecond)):
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if rand.N(10) == 0 {
		return errors.New("the backend is having a bad moment")
	}
	select {
	case s.jobs <- struct{}{}:
		_, err := fmt.Fprintf(w, "{\"job\": %d}\n", s.queued.Add(1))
		return err
	default:
		return errors.New("too many jobs are queued")
	}
}

// job says how far a job is.
func (s *service) job(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 || id > s.queued.Load() {
		return errors.New("there is no such job")
	}
	_, err = fmt.Fprintf(w, "{\"done\": %t}\n", id <= s.done.Load())
	return err
}

// panic shows that a request that ends in a panic is measured like any other.
func (s *service) panic(http.ResponseWriter, *http.Request) error {
	panic("somebody asked for it")
}

// work does the jobs, until there will be no more.
func (s *service) work() {
	for range s.jobs {
		time.Sleep(rand.N(30 * time.Millisecond))
		s.done.Add(1)
	}
}

// close lets work end when the jobs in the queue are done. No request may follow.
func (s *service) close() { close(s.jobs) }
