// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// behaviour is what a handler and its client do, and what of it is recorded.
type behaviour struct {
	handler http.HandlerFunc
	request func(*http.Request)                     // changes what the client sends; nil: a plain GET
	client  func(*testing.T, *http.Client, request) // what it does instead of reading the response; nil: that
	around  func(http.Handler) http.Handler         // the mux; nil: nothing

	status  string // HTTP/1.1's and, unless status2 is set, HTTP/2's
	status2 string
	method  string // empty: GET
	path    string // empty: /things/{id}
	in, out float64
	out2    float64 // unless zero, out of HTTP/2
	noOut   bool    // in HTTP/1.1 the connection is hijacked, and has no response size
}

// request is what a client has to send, and where it writes what it saw.
type request struct {
	*http.Request
	saw     *exchange
	reached <-chan struct{} // closed when the handler is called
}

// exchange is all that a client sees of a response.
type exchange struct {
	Err           string
	Informational []string
	Status        string
	Header        http.Header
	Length        int64
	Body          string
	BodyErr       string
	Trailer       http.Header
}

const chunk = "0123456789abcdef"

var behaviours = map[string]behaviour{
	"nothing":     {handler: func(http.ResponseWriter, *http.Request) {}, status: "200"},
	"write":       {handler: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(chunk)) }, status: "200", out: 16},
	"WriteString": {handler: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, chunk) }, status: "200", out: 16},
	"an error": {handler: func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusTeapot)
	}, status: "418", out: 3},
	"no content, but written to": {handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Id", r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
		if _, err := w.Write([]byte(chunk)); err != http.ErrBodyNotAllowed {
			panic(err)
		}
	}, status: "204"},
	"header twice": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusInternalServerError)
	}, status: "202"},
	"header after the body": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Write(nil)
		w.WriteHeader(http.StatusInternalServerError)
	}, status: "200"},
	"a status of no class":  {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(799) }, status: "799"},
	"a status that is none": {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(99) }, status: "500"},
	"early hints": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.WriteHeader(http.StatusCreated)
		w.Write([]byte(chunk))
	}, status: "201", out: 16},
	"switching without hijacking": {handler: func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 {
			w.WriteHeader(http.StatusSwitchingProtocols) // is nothing there
		}
		w.WriteHeader(http.StatusForbidden)
	}, status: "403"},
	"continue": {handler: func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprint(w, len(b), err)
	}, request: func(r *http.Request) {
		sendBody(r, strings.NewReader(chunk))
		r.Header.Set("Expect", "100-continue")
	}, method: "POST", status: "200", in: 16, out: 8},
	"a body of unknown length with trailers": {handler: func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprint(w, len(b), err, " ", r.Trailer)
	}, request: func(r *http.Request) {
		sendBody(r, io.MultiReader(strings.NewReader(chunk), strings.NewReader(chunk)))
		r.ContentLength = -1
		r.Trailer = http.Header{"X-Sum": {"7"}}
	}, method: "POST", status: "200", in: 32, out: 23},
	"a body of which half is read": {handler: func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 8)
	}, request: func(r *http.Request) {
		sendBody(r, io.MultiReader(strings.NewReader(chunk)))
		r.ContentLength = -1
	}, method: "POST", status: "200", in: 8},
	"echo while it comes": {handler: func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	}, request: func(r *http.Request) {
		sendBody(r, strings.NewReader(strings.Repeat(chunk, 1000)))
	}, method: "POST", status: "200", in: 16000, out: 16000},
	"a form with files": {handler: func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseMultipartForm(1)
		fmt.Fprint(w, err, len(r.MultipartForm.File), r.FormValue("q"))
	}, request: func(r *http.Request) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		m.SetBoundary("boundary")
		m.WriteField("q", "x")
		f, _ := m.CreateFormFile("file", "name")
		f.Write(make([]byte, 1<<20))
		m.Close()
		sendBody(r, &b)
		r.Header.Set("Content-Type", m.FormDataContentType())
	}, method: "POST", status: "200", in: 1<<20 + 191, out: 8},
	"server-sent events": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	}, status: "200", out: 27},
	"flush before all": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		w.WriteHeader(http.StatusNotFound)
	}, status: "200"},
	"flush by controller": {handler: func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		w.WriteHeader(http.StatusNotFound)
	}, status: "200"},
	"a file": {handler: func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, testFile)
	}, status: "200", out: 1 << 20},
	"a part of a file": {handler: func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, testFile)
	}, request: func(r *http.Request) { r.Header.Set("Range", "bytes=10-1009") }, status: "206", out: 1000},
	"a file that has not changed": {handler: func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, testFile)
	}, request: func(r *http.Request) {
		r.Header.Set("If-Modified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	}, status: "304"},
	"copy of nothing": {handler: func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, onlyReader{strings.NewReader("")})
		w.WriteHeader(http.StatusNotFound)
	}, status: "404"},
	"HEAD": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(chunk))
	}, request: func(r *http.Request) { r.Method = http.MethodHead }, method: "HEAD", status: "200"},
	"trailers": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-First")
		w.Write([]byte(chunk))
		w.Header().Set("X-First", "1")
		w.Header().Set(http.TrailerPrefix+"X-Second", "2")
	}, status: "200", out: 16},
	"panic":     {handler: func(http.ResponseWriter, *http.Request) { panic("test: panic") }, status: "500"},
	"panic nil": {handler: func(http.ResponseWriter, *http.Request) { panic(nil) }, status: "500"},
	"panic in the middle": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(chunk))
		w.(http.Flusher).Flush()
		panic("test: panic")
	}, status: "500", out: 16},
	"abort": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "32")
		w.Write([]byte(chunk))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, status: "500", out: 16},
	"the goroutine ends": {handler: func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, status: "500"},
	"what the writer can": {handler: func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, abilities(w))
	}, status: "200", out: 61, out2: 49},
	"deadlines and duplex": {handler: func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		soon := time.Now().Add(time.Minute)
		fmt.Fprint(w, c.SetReadDeadline(soon), c.SetWriteDeadline(soon), c.EnableFullDuplex())
	}, status: "200", out: 17},
	"a write after its deadline": {handler: func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)); err != nil {
			panic(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}, status: "202"},
	"push": {handler: func(w http.ResponseWriter, _ *http.Request) {
		p, ok := w.(http.Pusher)
		fmt.Fprint(w, ok)
		if ok {
			fmt.Fprint(w, " ", p.Push("/other", nil))
		}
	}, status: "200", out: 5, out2: 26},
	"more than MaxBytesReader allows": {handler: func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 8))
		http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
	}, request: func(r *http.Request) { sendBody(r, strings.NewReader(chunk)) }, method: "POST", status: "413", in: 16, out: 29},
	"an upgrade": {
		handler: upgrade, client: speak, request: func(r *http.Request) {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "test")
		}, status: "101", noOut: true, status2: "426", out2: 17,
	},
	"hijacked, and answered by hand": {handler: func(w http.ResponseWriter, _ *http.Request) {
		c, b, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, fmt.Sprint(errors.Is(err, http.ErrNotSupported)), http.StatusNotImplemented)
			return
		}
		defer c.Close()
		b.WriteString("HTTP/1.1 203 By Hand\r\nContent-Length: 2\r\n\r\nok")
		b.Flush()
		if _, err := w.Write([]byte("late")); err != http.ErrHijacked {
			panic(err)
		}
		w.WriteHeader(http.StatusNotFound)
	}, status: "101", noOut: true, status2: "501", out2: 5},
	"hijacked after the header": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6")
		w.WriteHeader(http.StatusAccepted)
		http.NewResponseController(w).Flush()
		h, ok := w.(http.Hijacker)
		if !ok {
			io.WriteString(w, "hijack")
			return
		}
		c, b, err := h.Hijack()
		if err != nil {
			panic(err)
		}
		b.WriteString("hijack")
		b.Flush()
		c.Close()
	}, status: "202", noOut: true, out2: 6},
	"the client goes before the header": {
		handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		client:  leaveBefore, status: "499",
	},
	"the client goes after the header": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		client: leaveAfter, status: "200",
	},
	"the client goes, the handler aborts": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		},
		client: leaveAfter, status: "499",
	},
	"a handler that is given up on": {
		handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		around: func(h http.Handler) http.Handler {
			return http.TimeoutHandler(emberhttp.Routes(h), 20*time.Millisecond, "late")
		},
		status: "503", out: 4,
	},
	"a redirection by the mux": {
		handler: func(http.ResponseWriter, *http.Request) {},
		request: func(r *http.Request) { r.URL.Path = "//things/4711" },
		status:  "307", out: 48,
	},
	"no such path": {
		handler: func(http.ResponseWriter, *http.Request) {},
		request: func(r *http.Request) { r.URL.Path = "/wp-login.php" },
		path:    "unmatched", status: "404", out: 19,
	},
}

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
	if outer.MultipartForm != nil { // which the server must see, to remove the files
		for _, f := range outer.MultipartForm.File["file"] {
			require.Eventually(t, func() bool { _, err := f.Open(); return errors.Is(err, os.ErrNotExist) }, 5*time.Second, time.Millisecond)
		}
		saw.Body += fmt.Sprint(" removed ", outer.MultipartForm.File["file"][0].Filename)
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

// leaveBefore sends a request, and goes once the handler has it.
func leaveBefore(t *testing.T, client *http.Client, r request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		<-r.reached
		cancel()
	}()
	_, err := client.Do(r.Request.WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
}

// leaveAfter sends a request, and goes once the header of the response is there.
func leaveAfter(t *testing.T, client *http.Client, r request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	response, err := client.Do(r.Request.WithContext(ctx))
	require.NoError(t, err)
	defer response.Body.Close()
	r.saw.take(response)
	cancel()
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, context.Canceled)
}

// upgrade answers a line of a protocol of its own.
func upgrade(w http.ResponseWriter, r *http.Request) {
	h, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "Upgrade Required", http.StatusUpgradeRequired)
		return
	}
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
	w.WriteHeader(http.StatusSwitchingProtocols)
	c, b, err := h.Hijack()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	line, _ := b.ReadString('\n')
	fmt.Fprintf(b, "you said %s", line)
	b.Flush()
}

func speak(t *testing.T, client *http.Client, r request) {
	if r.URL.Scheme == "https" { // HTTP/2 has no upgrades
		r.Header = http.Header{}
	}
	response, err := client.Do(r.Request)
	require.NoError(t, err)
	defer response.Body.Close()
	r.saw.take(response)
	if rw, ok := response.Body.(io.ReadWriteCloser); ok {
		fmt.Fprintln(rw, "hello")
		line, err := bufio.NewReader(rw).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "you said hello\n", line)
	}
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

func sendBody(r *http.Request, body io.Reader) {
	r.Method = http.MethodPost
	with, err := http.NewRequest(http.MethodPost, r.URL.String(), body)
	if err != nil {
		panic(err)
	}
	r.Body, r.ContentLength, r.GetBody = with.Body, with.ContentLength, with.GetBody
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
