// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// The tests of this file are for the race detector: what handlers may do at once without
// the middleware they may do with it.

// A body may be read, as by http.Transport for a reverse proxy, while the request is copied,
// as for another attempt.
func TestCopyOfARequestWhoseBodyIsRead(t *testing.T) {
	server := httptest.NewServer(emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{
		Outcome: func(r emberhttp.Result) string { return r.Request.Clone(t.Context()).Method },
	})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, r.Body)
		}()
		for copied := false; ; copied = true {
			r.Clone(context.Background())
			select {
			case <-read:
				if copied {
					return
				}
			default:
			}
		}
	})))
	defer server.Close()
	response, err := server.Client().Post(server.URL, "", onlyReader{strings.NewReader(strings.Repeat(chunk, 1000))})
	require.NoError(t, err)
	response.Body.Close()
}

// A handler may leave goroutines behind that still use its request, but for the body.
func TestGoroutinesLeftBehind(t *testing.T) {
	reg := ember.NewRegistry()
	var left sync.WaitGroup
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		left.Go(func() {
			<-release
			emberhttp.SetRoute(r.Context(), "/late")
			emberhttp.SetOutcome(r.Context(), "late")
			fmt.Fprint(io.Discard, r.PathValue("id"), r.Pattern, r.URL, r.Header, r.Method, r.ContentLength)
			r.Clone(context.WithoutCancel(r.Context()))
		})
		io.WriteString(w, chunk)
	})
	server := httptest.NewServer(emberhttp.Middleware(reg, emberhttp.Options{Outcome: emberhttp.SuccessOrFailure})(mux))
	defer server.Close()
	for i := range 20 {
		if i == 10 {
			close(release)
		}
		response, err := server.Client().Post(fmt.Sprint(server.URL, "/users/", i), "", onlyReader{strings.NewReader(chunk)})
		require.NoError(t, err)
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	left.Wait()
	require.Eventually(t, func() bool {
		return strings.Contains(exposed(t, reg), "http_requests_in_flight 0")
	}, 20*time.Second, time.Millisecond)
}
