// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	stdgzip "compress/gzip"
	"flag"
	"fmt"
	"net/http"
	"testing"
)

// million asks for the cases in which client_golang takes ten seconds.
var million = flag.Bool("million", false, "also benchmark the rivals with 1,000,000 series")

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
	series    int
	fill      func(service)
	formats   []format
	libraries []library
}

var (
	allFormats = []format{textFormat, openMetrics, protobuf}

	scrapeSets = []scrapeSet{
		{"counters", 100, counterSet(100), allFormats, []library{emberLib, clientLib, victoriaLib, otelLib}},
		{"counters", 10_000, counterSet(10_000), allFormats, []library{emberLib, clientLib, victoriaLib, otelLib}},
		{"counters", 100_000, counterSet(100_000), allFormats, []library{emberLib, clientLib, victoriaLib}},
		{"counters", 1_000_000, counterSet(1_000_000), allFormats, []library{emberLib, clientLib, victoriaLib}},
		{"mixed", 10_000, mixedSet, allFormats, []library{emberLib, clientLib, otelLib}},
		{"native", 10_000, nativeSet, []format{protobuf}, []library{emberLib, clientLib}}, // which other formats cannot say
	}
)

// BenchmarkScrape answers a scrape of so many series: of one vector of counters with
// three labels; of 2,000 counters, 1,000 gauges and 500 histograms; or of 6,500
// counters, 3,000 gauges and 500 native histograms. wire-B/op is the size of the answer,
// stdlib1-B/op what level 1 of the standard library's gzip makes of it.
// VictoriaMetrics/metrics writes no help, and OpenTelemetry no times of creation.
func BenchmarkScrape(b *testing.B) {
	for _, set := range scrapeSets {
		for _, f := range set.formats {
			for _, encoding := range []string{"identity", "gzip"} {
				gzip := encoding == "gzip"
				for _, l := range set.libraries {
					if l == victoriaLib && (gzip || f != textFormat) {
						continue // it writes plain text only
					}
					if l != emberLib && set.series >= 1_000_000 && !*million {
						continue
					}
					name := fmt.Sprintf("set=%s/series=%d/format=%s/encoding=%s/impl=%s", set.name, set.series, f.name, encoding, l)
					b.Run(name, scraping(l, &set, &f, gzip))
				}
			}
		}
	}
}

func scraping(l library, set *scrapeSet, f *format, gzip bool) func(*testing.B) {
	var h http.Handler
	var standard int
	return func(b *testing.B) {
		request := f.request(gzip)
		if h == nil {
			s := l.service()
			set.fill(s)
			h = s.handler(gzip)
			h.ServeHTTP(newDiscard(), request) // whatever the first one prepares
			if gzip && l == emberLib {
				standard = standardSize(b, s, f)
			}
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
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*set.series), "ns/series")
		if standard > 0 {
			b.ReportMetric(float64(standard), "stdlib1-B/op")
		}
	}
}

// standardSize returns how long an answer is that the standard library compresses, as
// fast as it can.
func standardSize(b *testing.B, s service, f *format) int {
	size := newDiscard()
	z := must(stdgzip.NewWriterLevel(size, stdgzip.BestSpeed))
	s.handler(false).ServeHTTP(&compressed{newDiscard(), z}, f.request(false))
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return size.written
}

// compressed is a client that compresses what it gets.
type compressed struct {
	*discard
	to *stdgzip.Writer
}

func (c *compressed) Write(p []byte) (int, error) { return c.to.Write(p) }
