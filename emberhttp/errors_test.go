// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// closedBody takes note of its end.
type closedBody struct {
	io.Reader
	closed chan struct{}
}

func (b closedBody) Close() error {
	close(b.closed)
	return nil
}

// TestErrorsOfTransports is of what the status is of requests that a http.Transport ends.
// The request is left as it was, and its body is closed, as the contract of a RoundTripper
// wants.
func TestErrorsOfTransports(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // where connections wait to be accepted
	require.NoError(t, err)
	defer silent.Close()
	tls := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	dial := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	for name, tc := range map[string]struct {
		next *http.Transport
		url  string
		want string
	}{
		"certificate":           {&http.Transport{}, tls.URL, "error"},
		"no such host":          {&http.Transport{DialContext: dial(&net.DNSError{IsNotFound: true})}, "http://h", "error"},
		"name server":           {&http.Transport{DialContext: dial(&net.DNSError{IsTimeout: true})}, "http://h", "timeout"},
		"dialing":               {&http.Transport{DialContext: (&net.Dialer{Timeout: 1}).DialContext}, "http://" + silent.Addr().String(), "timeout"},
		"TLS handshake":         {&http.Transport{TLSHandshakeTimeout: 20 * time.Millisecond}, "https://" + silent.Addr().String(), "timeout"},
		"header":                {&http.Transport{ResponseHeaderTimeout: 20 * time.Millisecond}, "http://" + silent.Addr().String(), "timeout"},
		"protocol that is none": {&http.Transport{}, "gopher://h", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			defer tc.next.CloseIdleConnections()
			rt := emberhttp.Transport(reg, emberhttp.TransportOptions{Host: func(*http.Request) string { return "h" }}, tc.next)
			body := closedBody{strings.NewReader(chunk), make(chan struct{})}
			r, err := http.NewRequest("POST", tc.url, body)
			require.NoError(t, err)
			before := *r
			_, err = rt.RoundTrip(r)
			require.Error(t, err)
			<-body.closed
			require.Equal(t, before, *r)
			require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="POST",host="h",status="` + tc.want + `"} 1`}, clientSamples(t, reg))
		})
	}
}
