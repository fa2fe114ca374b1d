// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// Who cancels a request with a cause of their own gets that cause, which is no error of the
// response either.
func TestCanceledWithACause(t *testing.T) {
	own := errors.New("test: enough")
	t.Run("before the header", func(t *testing.T) {
		client, reg := instrumented(t, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel(own)
			<-r.Context().Done()
		}))
		defer server.Close()
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		require.NoError(t, err)
		_, err = client.Do(r)
		require.ErrorIs(t, err, own)
		require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="GET",host="elsewhere",status="canceled"} 1`}, clientSamples(t, reg))
	})
	t.Run("in the body", func(t *testing.T) {
		server := api(t)
		client, reg := instrumented(t, server)
		ctx, cancel := context.WithCancelCause(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/stream", nil)
		require.NoError(t, err)
		response, err := client.Do(r)
		require.NoError(t, err)
		cancel(own)
		_, err = io.ReadAll(response.Body)
		require.ErrorIs(t, err, own)
		require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="GET",host="api",status="200"} 1`}, clientSamples(t, reg))
	})
}

// A body that is too late is a response error, whichever way time ran out.
func TestBodyThatIsTooLate(t *testing.T) {
	server := api(t)
	for name, get := range map[string]func(*testing.T, *http.Client) (*http.Response, error){
		"the client's timeout": func(_ *testing.T, c *http.Client) (*http.Response, error) {
			c.Timeout = 200 * time.Millisecond
			return c.Get(server.URL + "/stream")
		},
		"deadline": func(t *testing.T, c *http.Client) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			t.Cleanup(cancel)
			r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/stream", nil)
			require.NoError(t, err)
			return c.Do(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for {
				client, reg := instrumented(t, server)
				response, err := get(t, client)
				if err != nil { // the header was too late as well
					require.True(t, os.IsTimeout(err), "%v", err)
					continue
				}
				_, err = io.ReadAll(response.Body)
				require.True(t, os.IsTimeout(err), "%v", err)
				response.Body.Close()
				require.Equal(t, []string{
					"requests_in_flight 0", `requests_total{method="GET",host="api",status="200"} 1`,
					`response_errors_total{method="GET",host="api"} 1`,
				}, clientSamples(t, reg))
				return
			}
		})
	}
}

// interrupted is a body whose Read fails once it is closed, and whose Close returns only
// after that.
type interrupted struct{ closing, failed chan struct{} }

func (b *interrupted) Read([]byte) (int, error) {
	<-b.closing
	return 0, errors.New("test: read on closed body")
}

func (b *interrupted) Close() error {
	close(b.closing)
	<-b.failed
	return nil
}

// To close a body is how one goroutine stops another that reads it, and no error.
func TestCloseStopsReading(t *testing.T) {
	reg := ember.NewRegistry()
	b := &interrupted{make(chan struct{}), make(chan struct{})}
	rt := emberhttp.Transport(reg, emberhttp.TransportOptions{}, roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: b}, nil
	}))
	response, err := rt.RoundTrip(httptest.NewRequest("GET", "http://h/", nil))
	require.NoError(t, err)
	go func() {
		defer close(b.failed)
		io.Copy(io.Discard, response.Body)
	}()
	require.NoError(t, response.Body.Close())
	require.Equal(t, []string{"requests_in_flight 0", `requests_total{method="GET",host="h",status="200"} 1`}, clientSamples(t, reg))
}
