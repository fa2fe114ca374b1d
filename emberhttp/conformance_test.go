// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// TestConformance holds that a client sees the same with the middleware and without it, and
// that what it sees is recorded once.
func TestConformance(t *testing.T) {
	require.GreaterOrEqual(t, len(behaviours), 20)
	for _, name := range slices.Sorted(maps.Keys(behaviours)) {
		for _, major := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/HTTP %d", name, major), func(t *testing.T) {
				b := behaviours[name]
				bare := b.serve(t, major, func(h http.Handler) http.Handler { return h }, io.Discard)
				reg := ember.NewRegistry()
				with := b.serve(t, major, emberhttp.Middleware(reg, emberhttp.Options{}), io.Discard)
				require.Equal(t, bare, with)
				b.requireRecorded(t, reg, major)
			})
		}
	}
}

// TestServerLog holds that the server logs a panic as if there were no middleware, with the
// stack of its origin, and nothing of an abort.
func TestServerLog(t *testing.T) {
	for _, major := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", major), func(t *testing.T) {
			var logged lockedBuffer
			b := behaviour{handler: func(http.ResponseWriter, *http.Request) { originOfPanic() }}
			b.serve(t, major, emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{}), &logged)
			require.Eventually(t, func() bool { return strings.Contains(logged.String(), "originOfPanic") }, 5*time.Second, time.Millisecond)
			require.Contains(t, logged.String(), ": test: origin\ngoroutine ")

			if major == 1 { // HTTP/2 does not mind
				var twice lockedBuffer // the second loss that the package's documentation admits
				behaviours["header twice"].serve(t, major, emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{}), &twice)
				require.Contains(t, twice.String(), "superfluous response.WriteHeader call from github.com/embermetrics/ember/emberhttp.")
			}
			var nothing lockedBuffer
			behaviours["abort"].serve(t, major, emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{}), &nothing)
			require.Empty(t, nothing.String())
		})
	}
}

//go:noinline
func originOfPanic() { panic("test: origin") }

// serve lets one client send one request to a server of its own.
func (b behaviour) serve(t *testing.T, major int, middleware func(http.Handler) http.Handler, logTo io.Writer) *exchange {
	mux := http.NewServeMux()
	mux.HandleFunc("/things/{id}", b.handler)
	var h http.Handler = mux
	if b.around != nil {
		h = b.around(h)
	}
	h = middleware(h)
	reached, done := make(chan struct{}), make(chan struct{})
	var outer *http.Request
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		defer close(done)
		outer = r
		h.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(logTo, "", 0)
	if major == 2 {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Start()
	}
	defer server.Close()
	client := server.Client()
	client.Timeout = 10 * time.Second
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	saw := new(exchange)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			saw.Informational = append(saw.Informational, fmt.Sprint(code, header))
			return nil
		},
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/things/4711", nil)
	require.NoError(t, err)
	if b.request != nil {
		b.request(r)
	}
	if b.client == nil {
		read(client, request{r, saw, reached})
	} else {
		b.client(t, client, request{r, saw, reached})
	}
	address := strings.TrimPrefix(strings.TrimPrefix(server.URL, "https://"), "http://")
	saw.Err = strings.ReplaceAll(saw.Err, address, "server")
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler did not end")
	}
	if outer.MultipartForm != nil { // which the server must see, to remove the files; that of Go 1.27.0 forgets it in HTTP/2
		f := outer.MultipartForm.File["file"][0]
		removed := false
		for deadline := time.Now().Add(5 * time.Second); !removed && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			file, err := f.Open()
			if removed = errors.Is(err, os.ErrNotExist); err == nil {
				file.Close()
			}
		}
		saw.Body += fmt.Sprint(" removed ", f.Filename, removed)
	}
	return saw
}

// read sends a request and reads the response.
func read(client *http.Client, r request) {
	response, err := client.Do(r.Request)
	if err != nil {
		r.saw.Err = err.Error()
		return
	}
	defer response.Body.Close()
	r.saw.take(response)
	b, err := io.ReadAll(response.Body)
	r.saw.Body = string(b)
	if err != nil {
		r.saw.BodyErr = err.Error()
	}
	r.saw.Trailer = response.Trailer
}

func (x *exchange) take(response *http.Response) {
	response.Header.Del("Date")
	x.Status, x.Header, x.Length = response.Status, response.Header, response.ContentLength
}

// requireRecorded checks everything that reg has.
func (b behaviour) requireRecorded(t *testing.T, reg *ember.Registry, major int) {
	t.Helper()
	method, path, status, out := b.method, b.path, b.status, b.out
	if method == "" {
		method = "GET"
	}
	if path == "" {
		path = "/things/{id}"
	}
	if major == 2 && b.status2 != "" {
		status = b.status2
	}
	if major == 2 && b.out2 != 0 {
		out = b.out2
	}
	labels := fmt.Sprintf(`{method="%s",path="%s"`, method, path)
	want := []string{
		"http_request_duration_seconds_count" + labels + `,status="` + status + `"} 1`,
		"http_request_size_bytes_count" + labels + "} 1",
		"http_request_size_bytes_sum" + labels + fmt.Sprintf("} %v", b.in),
		"http_requests_in_flight 0",
		"http_requests_total" + labels + `,status="` + status + `"} 1`,
	}
	if !b.noOut || major == 2 {
		want = append(want,
			"http_response_size_bytes_count"+labels+"} 1",
			"http_response_size_bytes_sum"+labels+fmt.Sprintf("} %v", out))
	}
	require.Equal(t, want, samples(t, reg))
}

// samples returns what reg exposes, without buckets and sums of durations.
func samples(t testing.TB, reg *ember.Registry) (lines []string) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "duration_seconds_sum") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return lines
}

// abilities lists the methods that a writer has beside those that all have.
func abilities(w http.ResponseWriter) string {
	var all []string
	has := func(name string, ok bool) {
		if ok {
			all = append(all, name)
		}
	}
	_, ok := w.(interface{ CloseNotify() <-chan bool })
	has("CloseNotify", ok)
	_, ok = w.(http.Flusher)
	has("Flush", ok)
	_, ok = w.(interface{ FlushError() error })
	has("FlushError", ok)
	_, ok = w.(http.Hijacker)
	has("Hijack", ok)
	_, ok = w.(http.Pusher)
	has("Push", ok)
	_, ok = w.(io.ReaderFrom)
	has("ReadFrom", ok)
	_, ok = w.(io.StringWriter)
	has("WriteString", ok)
	return strings.Join(all, ", ")
}

// onlyReader has no WriteTo.
type onlyReader struct{ io.Reader }

// testFile is a mebibyte.
var testFile string

func makeTestFile() (remove func()) {
	dir, err := os.MkdirTemp("", "emberhttp")
	if err != nil {
		panic(err)
	}
	testFile = filepath.Join(dir, "file.txt")
	if err := os.WriteFile(testFile, bytes.Repeat([]byte(chunk), 1<<16), 0o600); err != nil {
		panic(err)
	}
	return func() { os.RemoveAll(dir) }
}
