// SPDX-License-Identifier: Apache-2.0

package zstd_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	reference "github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/zstd"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func ExampleEncoding() {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."}).Inc()
	handler := ember.HandlerFor(reg, ember.HandlerOpts{
		Encodings: []ember.Encoding{zstd.Encoding()},
	})

	// What Prometheus sends if its feature flag zstd-scrape is set.
	scrape := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	scrape.Header.Set("Accept-Encoding", "zstd,gzip")
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, scrape)
	fmt.Println("Content-Encoding:", response.Header().Get("Content-Encoding"))

	body, err := reference.NewReader(response.Body)
	if err != nil {
		panic(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	fmt.Println(string(text), err)
	// Output:
	// Content-Encoding: zstd
	// # HELP jobs_total Jobs finished.
	// # TYPE jobs_total counter
	// jobs_total 1
	//  <nil>
}

// exposition returns a registry of n counters and n histograms, and what it exposes.
func exposition(t testing.TB, n int) (*ember.Registry, []byte) {
	t.Helper()
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total", Help: "HTTP requests served."}, "method", "path", "status")
	latency := reg.NewHistogramVec(ember.HistogramOpts{Name: "http_request_duration_seconds"}, "path")
	for i := range n {
		path := fmt.Sprintf("/api/v1/users/%d", i)
		requests.With("GET", path, "200").Add(float64(i * 7919 % 100_003))
		for j := range 20 {
			latency.With(path).Observe(float64(i*j%997) / 77)
		}
	}
	var b bytes.Buffer
	require.NoError(t, ember.WriteText(&b, reg))
	return reg, b.Bytes()
}

func get(h http.Handler, accept string) (*httptest.ResponseRecorder, string) {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, w.Header().Get("Content-Encoding")
}

func decompress(t *testing.T, encoding string, body io.Reader) string {
	t.Helper()
	switch encoding {
	case "zstd":
		// A reader that spends no more on a window than the compressor does.
		z, err := reference.NewReader(body, reference.WithDecoderMaxWindow(128<<10), reference.WithDecoderConcurrency(1))
		require.NoError(t, err)
		defer z.Close()
		body = z
	case "gzip":
		z, err := gzip.NewReader(body)
		require.NoError(t, err)
		body = z
	}
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return string(text)
}

func TestHandlerServesZstd(t *testing.T) {
	reg, text := exposition(t, 3)
	h := ember.HandlerFor(reg, ember.HandlerOpts{Encodings: []ember.Encoding{zstd.Encoding()}})
	for name, tc := range map[string]struct {
		accept string
		want   string
	}{
		"Prometheus":               {"gzip", "gzip"},
		"Prometheus, zstd-scrape":  {"zstd,gzip", "zstd"},
		"Prometheus, uncompressed": {"identity", ""},
		"browser":                  {"gzip, deflate, br, zstd", "zstd"},
		"case":                     {"ZSTD", "zstd"},
		"gzip wanted more":         {"gzip;q=1, zstd;q=0.5", "gzip"},
		"refused":                  {"*, zstd;q=0", "gzip"},
		"anything":                 {"*", "zstd"},
		"no compression":           {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, encoding := get(h, tc.accept)
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, tc.want, encoding)
			require.Equal(t, "Accept, Accept-Encoding", w.Header().Get("Vary"))
			require.Equal(t, string(text), decompress(t, encoding, w.Body))
		})
	}
	for name, opts := range map[string]ember.HandlerOpts{
		"not offered": {},
		"disabled":    {DisableCompression: true, Encodings: []ember.Encoding{zstd.Encoding()}},
	} {
		t.Run(name, func(t *testing.T) {
			w, encoding := get(ember.HandlerFor(reg, opts), "zstd")
			require.Empty(t, encoding)
			require.Equal(t, string(text), w.Body.String())
		})
	}
}

// Compressors go from scrape to scrape, of any size, without a trace.
func TestHandlerReusesCompressors(t *testing.T) {
	encoding := zstd.Encoding()
	large, largeText := exposition(t, 2000)
	small, smallText := exposition(t, 1)
	require.Greater(t, len(largeText), 1<<20, "more than some windows")
	empty := ember.NewRegistry()
	opts := ember.HandlerOpts{Encodings: []ember.Encoding{encoding}, MaxInFlight: -1}
	var done sync.WaitGroup
	for _, scraped := range []struct {
		h    http.Handler
		text string
	}{
		{ember.HandlerFor(large, opts), string(largeText)},
		{ember.HandlerFor(small, opts), string(smallText)},
		{ember.HandlerFor(empty, opts), ""},
		{ember.HandlerFor(ember.Gatherers{small}, opts), string(smallText)},
	} {
		for range 3 {
			done.Go(func() {
				for range 10 {
					w, encoding := get(scraped.h, "zstd")
					if encoding != "zstd" || decompress(t, encoding, w.Body) != scraped.text {
						t.Errorf("a scrape is not what it was, in %q", encoding)
					}
				}
			})
		}
	}
	done.Wait()
}

// A response that is cut short does not read as whole.
func TestCutResponsesDoNotReadAsWhole(t *testing.T) {
	reg, text := exposition(t, 500)
	w, _ := get(ember.HandlerFor(reg, ember.HandlerOpts{Encodings: []ember.Encoding{zstd.Encoding()}}), "zstd")
	whole := w.Body.Bytes()
	for cut := 1; cut < len(whole); cut += 1 + len(whole)/50 {
		z, err := reference.NewReader(bytes.NewReader(whole[:cut]))
		require.NoError(t, err)
		got, err := io.ReadAll(z)
		require.Error(t, err, "%d of %d bytes", cut, len(whole))
		require.True(t, strings.HasPrefix(string(text), string(got)))
		z.Close()
	}
}

// BenchmarkCompress is what the compression of one scrape costs, and leaves.
func BenchmarkCompress(b *testing.B) {
	_, text := exposition(b, 5000)
	for name, w := range map[string]ember.EncodingWriter{
		"gzip": func() ember.EncodingWriter {
			w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
			require.NoError(b, err)
			return w
		}(),
		"zstd": zstd.Encoding().NewWriter(),
	} {
		b.Run("coding="+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				compress(b, w, &out, text)
			}
			b.ReportMetric(float64(out.Len()), "compressed-B")
		})
	}
}

// compress writes text as a scrape does, in pieces.
func compress(t testing.TB, w ember.EncodingWriter, to io.Writer, text []byte) {
	w.Reset(to)
	for len(text) > 0 {
		n := min(len(text), 32<<10)
		if _, err := w.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
