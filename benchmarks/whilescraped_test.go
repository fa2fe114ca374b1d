// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

// BenchmarkWhileScraped updates on one core while another scrapes the same 10,000
// series without pause. scrapes/s is how many it managed.
func BenchmarkWhileScraped(b *testing.B) {
	emberPart := func(update func(*emberService) updates) func() (service, updates) {
		return func() (service, updates) {
			s := newEmber()
			counterSet(10_000)(s)
			return s, update(s)
		}
	}
	clientPart := func(update func(*clientService) updates) func() (service, updates) {
		return func() (service, updates) {
			s := newClient()
			counterSet(10_000)(s)
			return s, update(s)
		}
	}
	for _, c := range []struct {
		update, impl string
		start        func() (service, updates)
	}{
		{"with", "ember", emberPart(func(s *emberService) updates {
			return func(n int, _ rounds) {
				for range n {
					s.counter.With("GET", "/api/items/7", "200").Inc()
				}
			}
		})},
		{"with", "client_golang", clientPart(func(s *clientService) updates {
			return func(n int, _ rounds) {
				for range n {
					s.counter.WithLabelValues("GET", "/api/items/7", "200").Inc()
				}
			}
		})},
		{"histogram", "ember", emberPart(func(s *emberService) updates {
			h := s.reg.NewHistogram(ember.HistogramOpts{Name: "x_seconds"})
			return func(n int, _ rounds) {
				for i := range n {
					h.Observe(latencies[i%len(latencies)])
				}
			}
		})},
		{"histogram", "client_golang", clientPart(func(s *clientService) updates {
			h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x_seconds"})
			s.reg.MustRegister(h)
			return func(n int, _ rounds) {
				for i := range n {
					h.Observe(latencies[i%len(latencies)])
				}
			}
		})},
	} {
		b.Run(fmt.Sprintf("update=%s/goroutines=1/impl=%s", c.update, c.impl), whileScraped(c.start))
	}
}

func whileScraped(start func() (service, updates)) func(*testing.B) {
	var h http.Handler
	var update updates
	return func(b *testing.B) {
		if h == nil {
			var s service
			s, update = start()
			h = s.handler(false)
		}
		begun, stop, scrapes := make(chan struct{}), make(chan struct{}), make(chan int)
		go func() {
			request := textFormat.request(false)
			for n := 0; ; n++ {
				select {
				case <-stop:
					scrapes <- n
					return
				default:
					h.ServeHTTP(newDiscard(), request)
				}
				if n == 0 {
					close(begun)
				}
			}
		}()
		<-begun
		b.ResetTimer()
		spread(1, b.N, 0, update)
		b.StopTimer()
		close(stop)
		b.ReportMetric(float64(<-scrapes)/b.Elapsed().Seconds(), "scrapes/s")
	}
}
