// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

// million asks for the cases in which client_golang takes ten seconds.
var million = flag.Bool("million", false, "also benchmark client_golang with 1,000,000 series")

// discard is a client that throws away what it gets.
type discard struct {
	header  http.Header
	status  int
	written int
}

func newDiscard() *discard { return &discard{header: make(http.Header), status: http.StatusOK} }

func (d *discard) Header() http.Header    { return d.header }
func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	d.written += len(p)
	return len(p), nil
}

// scrapeSet is a service to scrape, and which formats and libraries that is worth
// comparing in.
type scrapeSet struct {
	name      string
	fill      func(service)
	formats   []format
	libraries []library
}

var scrapeSets = []scrapeSet{
	{"counters", counterSet, []format{textFormat, openMetrics, protobuf}, []library{emberLib, clientLib, victoriaLib}},
	{"mixed", mixedSet, []format{textFormat, openMetrics, protobuf}, []library{emberLib, clientLib}},
	{"native", nativeSet, []format{protobuf}, []library{emberLib, clientLib}}, // which other formats cannot say
}

// BenchmarkScrape answers a scrape of 10,000 series: those of one vector of counters
// with three labels; of 2,000 counters, 1,000 gauges and 500 histograms; or of 6,500
// counters, 3,000 gauges and 500 native histograms. wire-B/op is the size of the
// answer.
func BenchmarkScrape(b *testing.B) {
	for _, set := range scrapeSets {
		for _, f := range set.formats {
			for _, encoding := range []string{"identity", "gzip"} {
				gzip := encoding == "gzip"
				for _, l := range set.libraries {
					if l == victoriaLib && (gzip || f != textFormat) {
						continue // it writes plain text only
					}
					b.Run(fmt.Sprintf("set=%s/format=%s/encoding=%s/impl=%s", set.name, f.name, encoding, l), scraping(l, set.fill, &f, gzip))
				}
			}
		}
	}
}

// BenchmarkScrapeMillion answers a scrape of 1,000,000 series in the text format.
func BenchmarkScrapeMillion(b *testing.B) {
	if !*million {
		b.Skip("takes minutes for the rivals: -million")
	}
	for _, l := range []library{emberLib, clientLib, victoriaLib} {
		fill := func(s service) { s.counters("requests_total", 1_000_000) }
		b.Run("impl="+string(l), scraping(l, fill, &textFormat, false))
	}
}

func scraping(l library, fill func(service), f *format, gzip bool) func(*testing.B) {
	var h http.Handler
	return func(b *testing.B) {
		request := f.request(gzip)
		if h == nil {
			s := l.service()
			fill(s)
			h = s.handler(gzip)
			h.ServeHTTP(newDiscard(), request) // whatever the first one prepares
		}
		b.ReportAllocs()
		b.ResetTimer()
		written := 0
		for range b.N {
			w := newDiscard()
			h.ServeHTTP(w, request)
			if w.status != http.StatusOK || l != victoriaLib && !f.answers(w.header, gzip) {
				b.Fatalf("status %d, header %v", w.status, w.header) // victoriaLib leaves that to its users
			}
			written += w.written
		}
		b.ReportMetric(float64(written)/float64(b.N), "wire-B/op")
	}
}

// BenchmarkWhileScraped updates on one core while another scrapes the same 10,000
// series without pause. scrapes/s is how many it managed.
func BenchmarkWhileScraped(b *testing.B) {
	emberPart := func(update func(*emberService) updates) func() (service, updates) {
		return func() (service, updates) {
			s := newEmber()
			counterSet(s)
			return s, update(s)
		}
	}
	clientPart := func(update func(*clientService) updates) func() (service, updates) {
		return func() (service, updates) {
			s := newClient()
			counterSet(s)
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
		b.Run(fmt.Sprintf("update=%s/cores=2/impl=%s", c.update, c.impl), whileScraped(c.start))
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
