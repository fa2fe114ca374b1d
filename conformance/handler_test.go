// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// Every version of Prometheus is answered with what it can read, and reads it.
func TestHandlerAnswersEveryPrometheus(t *testing.T) {
	const (
		om1    = "application/openmetrics-text;version=1.0.0"
		om0    = "application/openmetrics-text;version=0.0.1"
		om2    = "application/openmetrics-text;version=2.0.0"
		proto  = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
		plain  = "text/plain;version=0.0.4"
		plain1 = "text/plain;version=1.0.0;escaping=allow-utf-8"
		utf8   = ";escaping=allow-utf-8"
	)
	utf8Protobuf := wire{base: ember.FormatProtobuf, escaping: ember.EscapingAllowUTF8}
	utf8Open2 := wire{base: ember.FormatOpenMetrics2, escaping: ember.EscapingAllowUTF8}
	for name, tc := range map[string]struct {
		accept string
		opts   ember.HandlerOpts
		want   wire
	}{
		"2.42":                          {om1 + "," + om0 + ";q=0.75," + plain + ";q=0.5,*/*;q=0.1", ember.HandlerOpts{}, openMetrics},
		"2.42 with native histograms":   {proto + "," + om1 + ";q=0.8," + om0 + ";q=0.75," + plain + ";q=0.5,*/*;q=0.1", ember.HandlerOpts{}, protobuf},
		"2.49.0":                        {om1 + "," + om0 + ";q=0.75," + plain + ";q=0.5,*/*;q=2", ember.HandlerOpts{}, openMetrics},
		"3.0":                           {om1 + utf8 + ";q=0.6," + om0 + utf8 + ";q=0.5," + plain1 + utf8 + ";q=0.4," + plain + utf8 + ";q=0.3,*/*" + utf8 + ";q=0.2", ember.HandlerOpts{}, utf8Open},
		"3.4":                           {om1 + utf8 + ";q=0.6," + om0 + ";q=0.5," + plain1 + ";q=0.4," + plain + ";q=0.3,*/*;q=0.2", ember.HandlerOpts{}, utf8Open},
		"3.4 with native histograms":    {proto + ";q=0.7," + om1 + utf8 + ";q=0.6," + om0 + ";q=0.5," + plain1 + ";q=0.4," + plain + ";q=0.3,*/*;q=0.2", ember.HandlerOpts{}, utf8Protobuf},
		"3.16 with OpenMetrics 2":       {om2 + utf8 + ";q=0.8," + om1 + utf8 + ";q=0.7," + plain1 + ";q=0.4,*/*;q=0.3", ember.HandlerOpts{OpenMetrics2: true}, utf8Open2},
		"OpenMetrics 2 is not offered":  {om2 + utf8 + ";q=0.8," + om1 + utf8 + ";q=0.7," + plain1 + ";q=0.4,*/*;q=0.3", ember.HandlerOpts{}, utf8Open},
		"lines of creation":             {om1, ember.HandlerOpts{Created: true}, createdLines},
		"text alone":                    {plain1 + ";q=0.4," + plain + ";q=0.3", ember.HandlerOpts{}, utf8Text},
		"VictoriaMetrics":               {plain + ";q=1,*/*;q=0.1", ember.HandlerOpts{}, text},
		"whoever does not say anything": {"", ember.HandlerOpts{}, text},
	} {
		t.Run(name, func(t *testing.T) {
			r := random(t)
			for range 20 {
				w := newWorld(t, r)
				families, err := w.reg.Gather()
				require.NoError(t, err)
				req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				if tc.accept != "" {
					req.Header.Set("Accept", tc.accept)
				}
				resp := httptest.NewRecorder()
				ember.HandlerFor(w.reg, tc.opts).ServeHTTP(resp, req)
				require.Equal(t, http.StatusOK, resp.Code)
				require.Equal(t, tc.want.format().ContentType(), resp.Header().Get("Content-Type"))
				requireAgreement(t, families, resp.Body.Bytes(), tc.want)
			}
		})
	}
}
