// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// TestStorm lets many clients send what the conformance table has, and go at any time. In
// the end nothing is in flight, and every call of a handler and of a transport counted once.
func TestStorm(t *testing.T) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(behaviours)) {
		if behaviours[name].around == nil {
			names = append(names, name)
		}
	}
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", major), func(t *testing.T) {
			served, sent := ember.NewRegistry(), ember.NewRegistry()
			var calls, trips atomic.Int64
			h := emberhttp.Middleware(served, emberhttp.Options{Outcome: emberhttp.SuccessOrFailure})(things(func(w http.ResponseWriter, r *http.Request) {
				behaviours[r.Header.Get("X-Behaviour")].handler(w, r)
			}))
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				h.ServeHTTP(w, r)
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			if server.EnableHTTP2 = major == 2; major == 2 {
				server.StartTLS()
			} else {
				server.Start()
			}
			client := server.Client()
			next := client.Transport
			client.Transport = emberhttp.Transport(sent, emberhttp.TransportOptions{}, roundTripper(func(r *http.Request) (*http.Response, error) {
				trips.Add(1)
				return next.RoundTrip(r)
			}))

			rnd := random(t)
			var wg sync.WaitGroup
			for range 8 {
				type step struct {
					name  string
					leave time.Duration // 0: not before the end
				}
				steps := make([]step, 50)
				for i := range steps {
					steps[i].name = names[rnd.IntN(len(names))]
					if rnd.IntN(2) == 0 || strings.Contains(steps[i].name, "client goes") || steps[i].name == "an upgrade" {
						steps[i].leave = time.Duration(1 + rnd.IntN(3_000_000))
					}
				}
				wg.Go(func() {
					for _, s := range steps {
						ctx, cancel := context.WithCancel(t.Context())
						if s.leave > 0 {
							ctx, cancel = context.WithTimeout(ctx, s.leave)
						}
						r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/things/1", nil)
						if err != nil {
							panic(err)
						}
						if change := behaviours[s.name].request; change != nil && (major == 1 || s.name != "an upgrade") {
							change(r)
						}
						r.Header.Set("X-Behaviour", s.name)
						if response, err := client.Do(r); err == nil {
							if response.StatusCode != http.StatusSwitchingProtocols { // which would never end
								io.Copy(io.Discard, response.Body)
							}
							response.Body.Close()
						}
						cancel()
					}
				})
			}
			wg.Wait()
			client.CloseIdleConnections()
			server.Close() // waits for handlers
			require.True(t, eventually(func() bool { return total(t, served, "http_requests_total{") == calls.Load() }))
			require.Equal(t, trips.Load(), total(t, sent, "http_client_requests_total{"))
			require.GreaterOrEqual(t, trips.Load(), int64(8*50))
			for _, name := range []string{"http_request_duration_seconds_count{", "http_request_size_bytes_count{"} {
				require.Equal(t, calls.Load(), total(t, served, name), name)
			}
			require.Contains(t, samples(t, served), "http_requests_in_flight 0")
			require.Contains(t, samples(t, sent), "http_client_requests_in_flight 0")
		})
	}
}

// total returns the sum of all samples whose line begins so.
func total(t *testing.T, reg *ember.Registry, prefix string) (sum int64) {
	for _, line := range samples(t, reg) {
		if strings.HasPrefix(line, prefix) {
			n, err := strconv.ParseInt(line[strings.LastIndexByte(line, ' ')+1:], 10, 64)
			require.NoError(t, err)
			sum += n
		}
	}
	return sum
}
