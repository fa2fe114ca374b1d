// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
)

// format is what a scrape is answered in.
type format struct {
	name   string
	accept string // asks for this format alone
	// contentType is how the answer's Content-Type begins, whichever library it is from.
	contentType string
}

var (
	textFormat  = format{"text", "text/plain;version=0.0.4", "text/plain; version=0.0.4;"}
	openMetrics = format{"openmetrics", "application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0;"}
	protobuf    = format{
		"protobuf",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited;",
	}
)

// request asks for the format, compressed or not, so that all answer in the same.
func (f *format) request(gzip bool) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", f.accept)
	r.Header.Set("Accept-Encoding", "identity")
	if gzip {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	return r
}

// answers reports whether an answer's header is that of what was asked for.
func (f *format) answers(h http.Header, gzip bool) bool {
	return strings.HasPrefix(h.Get("Content-Type"), f.contentType) && gzip == (h.Get("Content-Encoding") == "gzip")
}

// The comparison is of the same work: both answer the same.
func TestServicesAnswerTheSame(t *testing.T) {
	body := func(t *testing.T, s service, fill func(service), f *format) string {
		fill(s)
		w := httptest.NewRecorder()
		s.handler(false).ServeHTTP(w, f.request(false))
		require.Equal(t, http.StatusOK, w.Code)
		require.True(t, f.answers(w.Header(), false), "%v", w.Header())
		return w.Body.String()
	}
	// What is compared of an answer, in pieces.
	compared := map[string]func(*testing.T, string) []string{
		textFormat.name: func(_ *testing.T, answer string) []string { return strings.Split(answer, "\n") },
		// The lines of a family's header have no order.
		openMetrics.name: func(_ *testing.T, answer string) []string { return slices.Sorted(strings.Lines(answer)) },
		protobuf.name:    readable,
	}
	for _, set := range scrapeSets {
		if set.series > 10_000 {
			continue
		}
		for _, f := range set.formats {
			t.Run(fmt.Sprint(set.name, " ", set.series, " ", f.name), func(t *testing.T) {
				want := compared[f.name](t, body(t, newClient(), set.fill, &f))
				got := compared[f.name](t, body(t, newEmber(), set.fill, &f))
				for i := range min(len(want), len(got)) {
					require.Equal(t, want[i], got[i])
				}
				require.Len(t, got, len(want))
			})
		}
		if !slices.Contains(set.libraries, otelLib) {
			continue // it takes no part in this set
		}
		t.Run(fmt.Sprint(set.name, " ", set.series, " of OpenTelemetry"), func(t *testing.T) {
			want := body(t, newClient(), set.fill, &textFormat)
			got := body(t, newOtel(), set.fill, &textFormat)
			require.Equal(t, want, got)
		})
	}
}

// readable returns each family's head and each series of an answer in protobuf, less
// the times of creation. Where a family goes on in another message it is the same
// family.
func readable(t *testing.T, answer string) (lines []string) {
	r := strings.NewReader(answer)
	name := ""
	for r.Len() > 0 {
		f := new(dto.MetricFamily)
		require.NoError(t, protodelim.UnmarshalOptions{MaxSize: -1}.UnmarshalFrom(r, f))
		metrics := f.Metric
		f.Metric = nil
		if f.GetName() != name {
			name = f.GetName()
			lines = append(lines, f.String())
		}
		for _, m := range metrics {
			if m.Counter != nil {
				m.Counter.CreatedTimestamp = nil
			}
			if m.Histogram != nil {
				m.Histogram.CreatedTimestamp = nil
			}
			lines = append(lines, m.String())
		}
	}
	return lines
}
