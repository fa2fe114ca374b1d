// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	"HEAD of a known length": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "16")
		w.WriteHeader(http.StatusOK)
	}, request: func(r *http.Request) { r.Method = http.MethodHead }, method: "HEAD", status: "200"},
	"not modified, but written to": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotModified)
		if _, err := io.Copy(w, strings.NewReader(chunk)); err != http.ErrBodyNotAllowed {
			panic(err)
		}
	}, status: "304"},
	"less than was announced": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "32")
		io.WriteString(w, chunk)
	}, status: "200", out: 16},
	"more than was announced": {handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "16")
		io.WriteString(w, chunk)
		if _, err := io.WriteString(w, chunk); err != http.ErrContentLength && r.ProtoMajor < 2 {
			panic(err)
		}
	}, status: "200", out: 16, out2: 32}, // HTTP/2 notices when it sends
	"a negative status":    {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(-1) }, status: "500"},
	"no status":            {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) }, status: "500"},
	"a status of 4 digits": {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) }, status: "500"},
	"the last status":      {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(999) }, status: "999"},
	"a body that is refused": {handler: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusExpectationFailed)
	}, request: func(r *http.Request) {
		sendBody(r, strings.NewReader(chunk))
		r.Header.Set("Expect", "100-continue")
	}, method: "POST", status: "417", in: 16},
	"compressed by the handler": {handler: func(w http.ResponseWriter, r *http.Request) {
		compressing(http.HandlerFunc(writeChunks)).ServeHTTP(w, r)
	}, status: "200", out: compressedSize()},
	"compressed around the mux": {handler: writeChunks, around: compressing, status: "200", out: compressedSize()},
	"more than MaxBytesHandler allows": {handler: func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		w.Header().Set("Connection", "close") // see TestMaxBytesReaderKeepsTheConnection
		http.Error(w, fmt.Sprint(err), http.StatusRequestEntityTooLarge)
	}, request: func(r *http.Request) {
		sendBody(r, onlyReader{strings.NewReader(chunk)})
	}, around: func(h http.Handler) http.Handler {
		return http.MaxBytesHandler(emberhttp.Routes(h), 8)
	}, method: "POST", status: "413", in: 9, out: 29},
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

func sendBody(r *http.Request, body io.Reader) {
	r.Method = http.MethodPost
	with, err := http.NewRequest(http.MethodPost, r.URL.String(), body)
	if err != nil {
		panic(err)
	}
	r.Body, r.ContentLength, r.GetBody = with.Body, with.ContentLength, with.GetBody
}

// compressing is a middleware whose writer has no method but those of all, and no Unwrap.
func compressing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		next.ServeHTTP(compressed{w, z}, r)
	})
}

func writeChunks(w http.ResponseWriter, _ *http.Request) {
	for range 1000 {
		io.WriteString(w, chunk)
	}
}

// compressedSize returns the size of what writeChunks writes within compressing.
func compressedSize() float64 {
	w := httptest.NewRecorder()
	compressing(http.HandlerFunc(writeChunks)).ServeHTTP(w, nil)
	return float64(w.Body.Len())
}

type compressed struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (c compressed) Write(p []byte) (int, error) { return c.z.Write(p) }
