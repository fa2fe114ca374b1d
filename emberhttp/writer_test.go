// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// The writers of others, as logging middlewares have them: they lead to the server's by
// Unwrap alone, or have some methods of their own.
type (
	unwrapping struct{ http.ResponseWriter }
	flushing   struct{ unwrapping }
	hijacking  struct{ unwrapping }
	failing    struct{ unwrapping } // has FlushError, which says that it has none
)

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w flushing) Flush()                        { w.ResponseWriter.(http.Flusher).Flush() }
func (w failing) Flush()                         {}
func (w failing) FlushError() error              { return fmt.Errorf("test: %w", http.ErrNotSupported) }

func (w hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// TestControllerThroughWritersOfOthers holds that what http.ResponseController reaches
// through a writer that has no methods but Unwrap is recorded, and that handlers see no
// methods which that writer does not have.
func TestControllerThroughWritersOfOthers(t *testing.T) {
	around := map[string]func(http.ResponseWriter) http.ResponseWriter{
		"none":       func(w http.ResponseWriter) http.ResponseWriter { return w },
		"unwrapping": func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{w} },
		"twice":      func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{unwrapping{w}} },
		"flushing":   func(w http.ResponseWriter) http.ResponseWriter { return flushing{unwrapping{w}} },
		"hijacking":  func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{hijacking{unwrapping{w}}} },
	}
	handlers := map[string]struct {
		handler http.HandlerFunc
		status  string
		answer  string
	}{
		"hijack": {func(w http.ResponseWriter, _ *http.Request) {
			c, b, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer c.Close()
			b.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			b.Flush()
		}, "101", "200 ok"},
		"hijack after the header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "2")
			w.WriteHeader(http.StatusAccepted)
			c := http.NewResponseController(w)
			if err := c.Flush(); err != nil {
				panic(err)
			}
			conn, b, err := c.Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			b.WriteString("ok")
			b.Flush()
		}, "202", "202 ok"},
		"flush": {func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			w.WriteHeader(http.StatusNotFound) // too late
			io.WriteString(w, "ok")
		}, "200", "200 ok"},
		"deadlines": {func(w http.ResponseWriter, _ *http.Request) {
			c := http.NewResponseController(w)
			soon := time.Now().Add(time.Minute)
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, c.SetReadDeadline(soon), c.SetWriteDeadline(soon), c.EnableFullDuplex())
		}, "404", "404 <nil> <nil> <nil>"},
	}
	for outside, wrap := range around {
		for name, tc := range handlers {
			t.Run(outside+"/"+name, func(t *testing.T) {
				reg := ember.NewRegistry()
				done := make(chan struct{})
				var bare, with string
				h := emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					with = abilities(w)
					tc.handler(w, r)
				}))
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(done)
					w = wrap(w)
					bare = abilities(w)
					h.ServeHTTP(w, r)
				}))
				defer server.Close()
				response, err := server.Client().Get(server.URL)
				require.NoError(t, err)
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, tc.answer, fmt.Sprintf("%d %s", response.StatusCode, b))
				<-done
				if strings.Contains(bare, "Flush") { // which FlushError comes with
					bare = strings.ReplaceAll(bare, "Flush, FlushError", "Flush")
					with = strings.ReplaceAll(with, "Flush, FlushError", "Flush")
				}
				require.Equal(t, bare, with)
				require.Equal(t, []string{`{method="GET",path="unmatched",status="` + tc.status + `"} 1`}, totals(t, reg))
				if strings.HasPrefix(name, "hijack") {
					require.NotContains(t, exposed(t, reg), "http_response_size_bytes_count")
				} else {
					require.Contains(t, exposed(t, reg), "http_response_size_bytes_count")
				}
			})
		}
	}
}

// What a writer does not have, the controller does not find, and nothing is sent by asking.
func TestControllerFindsNothing(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"plain":      func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} },
		"unwrapping": func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{struct{ http.ResponseWriter }{w}} },
		"failing":    func(w http.ResponseWriter) http.ResponseWriter { return failing{unwrapping{w}} },
		"beneath":    func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{failing{unwrapping{w}}} },
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			h := emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				c := http.NewResponseController(w)
				require.ErrorIs(t, c.Flush(), http.ErrNotSupported)
				_, _, err := c.Hijack()
				require.ErrorIs(t, err, http.ErrNotSupported)
				require.ErrorIs(t, c.EnableFullDuplex(), http.ErrNotSupported)
				w.WriteHeader(http.StatusNotFound)
			}))
			w := httptest.NewRecorder()
			h.ServeHTTP(wrap(w), httptest.NewRequest("GET", "/", nil))
			require.Equal(t, 404, w.Code)
			require.Equal(t, []string{`{method="GET",path="unmatched",status="404"} 1`}, totals(t, reg))
		})
	}
}

// Whoever looks for a writer of their own behind the middleware's finds it.
func TestUnwrapReachesEveryWriter(t *testing.T) {
	inner := &unwrapping{httptest.NewRecorder()}
	outer := unwrapping{inner}
	found := false
	emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			u, ok := w.(interface{ Unwrap() http.ResponseWriter })
			if !ok {
				return
			}
			if w = u.Unwrap(); w == http.ResponseWriter(inner) {
				found = true
			}
		}
	})).ServeHTTP(outer, httptest.NewRequest("GET", "/", nil))
	require.True(t, found)
}

// readFromConn takes note of what is copied to a connection by its ReadFrom, which is where
// sendfile is.
type readFromConn struct {
	net.Conn
	copied func(string)
}

func (c *readFromConn) ReadFrom(r io.Reader) (int64, error) {
	of := r
	if limited, ok := r.(*io.LimitedReader); ok {
		of = limited.R
	}
	c.copied(fmt.Sprintf("%T", of))
	return io.Copy(c.Conn, r)
}

type readFromListener struct {
	net.Listener
	copied func(string)
}

func (l readFromListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &readFromConn{c, l.copied}, nil
}

// TestFilesReachTheConnection holds that a file is copied to the connection as it is without
// the middleware.
func TestFilesReachTheConnection(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"ServeFile": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, testFile) },
		"io.Copy": func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(testFile)
			if err != nil {
				panic(err)
			}
			defer f.Close()
			w.Header().Set("Content-Length", fmt.Sprint(1<<20)) // or else it is in chunks
			if n, err := io.Copy(w, f); n != 1<<20 || err != nil {
				panic(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			for _, h := range []http.Handler{handler, emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(handler)} {
				var copied lockedBuffer
				server := httptest.NewUnstartedServer(h)
				server.Listener = readFromListener{server.Listener, func(of string) { fmt.Fprintln(&copied, of) }}
				server.Start()
				response, err := server.Client().Get(server.URL)
				require.NoError(t, err)
				n, err := io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				require.EqualValues(t, 1<<20, n)
				response.Body.Close()
				server.Close()
				seen = append(seen, copied.String())
			}
			require.Contains(t, seen[0], "os.")
			require.Equal(t, seen[0], seen[1])
		})
	}
}
