// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
	"github.com/embermetrics/ember/embertest"
)

// totals returns the lines of http_requests_total that reg exposes, without the name.
func totals(t testing.TB, reg *ember.Registry) (lines []string) {
	for _, line := range samples(t, reg) {
		if rest, ok := strings.CutPrefix(line, "http_requests_total"); ok {
			lines = append(lines, rest)
		}
	}
	return lines
}

func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func ok(http.ResponseWriter, *http.Request) {}

// copies is a middleware that puts something in the context, as most do.
func copies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "span")))
	})
}

type contextKey struct{}

func TestScannersAddTwoSeries(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", ok)
	h := emberhttp.Middleware(reg, emberhttp.Options{})(mux)
	serve(h, "GET", "/users/1")
	before := len(samples(t, reg))
	require.Equal(t, []string{`{method="GET",path="/users/{id}",status="200"} 1`}, totals(t, reg))

	rnd := random(t)
	for i := range 10_000 {
		path := fmt.Sprintf("/%x/%x?%x", rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
		if i%2 == 0 {
			serve(h, "GET", path)
		} else {
			serve(h, fmt.Sprintf("M%X", rnd.Uint64()), path)
		}
	}
	require.Equal(t, []string{
		`{method="GET",path="/users/{id}",status="200"} 1`,
		`{method="GET",path="unmatched",status="404"} 5000`,
		`{method="other",path="unmatched",status="404"} 5000`,
	}, totals(t, reg))
	require.Len(t, samples(t, reg), before+2*6) // two series of each, of which histograms have _sum and _count

	// Nor do those that try methods on a route that there is.
	for range 1000 {
		serve(h, fmt.Sprintf("M%X", rnd.Uint64()), "/users/1")
	}
	require.Contains(t, totals(t, reg), `{method="other",path="unmatched",status="405"} 1000`)
}

// TestRoutes is of what the label "path" has.
func TestRoutes(t *testing.T) {
	users := func(pattern string) *http.ServeMux {
		mux := http.NewServeMux()
		mux.HandleFunc(pattern, ok)
		return mux
	}
	under := func(prefix string, h http.Handler) *http.ServeMux {
		mux := http.NewServeMux()
		mux.Handle(prefix, h)
		return mux
	}
	changing := func(pattern string, change func(*http.Request)) *http.ServeMux {
		mux := http.NewServeMux()
		mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) { change(r) })
		return mux
	}
	for name, tc := range map[string]struct {
		handler http.Handler
		options emberhttp.Options
		method  string // empty: GET
		target  string
		want    string
	}{
		"method":             {handler: users("GET /users/{id}"), target: "/users/1", want: "/users/{id}"},
		"no method":          {handler: users("/users/{id}"), target: "/users/1", want: "/users/{id}"},
		"host":               {handler: users("example.com/users/{id}"), target: "http://example.com/users/1", want: "/users/{id}"},
		"method and host":    {handler: users("GET example.com/users/{id}"), target: "http://example.com/users/1", want: "/users/{id}"},
		"rest":               {handler: users("/files/{rest...}"), target: "/files/a/b", want: "/files/{rest...}"},
		"prefix":             {handler: users("/static/"), target: "/static/a.css", want: "/static/"},
		"prefix alone":       {handler: users("/static/"), target: "/static/", want: "/static/"},
		"root":               {handler: users("/{$}"), target: "/", want: "/{$}"},
		"all":                {handler: users("/"), target: "/anything", want: "/"},
		"none":               {handler: users("/users/{id}"), target: "/nobody", want: "unmatched"},
		"method not allowed": {handler: users("GET /users/{id}"), method: "POST", target: "/users/1", want: "unmatched"},
		"no mux":             {handler: http.HandlerFunc(ok), target: "/users/1", want: "unmatched"},

		"redirect to the slash":               {handler: users("/users/{id}/"), target: "/users/1", want: "/users/{id}/"},
		"the same, without wildcards":         {handler: users("/static/"), target: "/static", want: "/static/"},
		"the same, by Routes":                 {handler: copies(emberhttp.Routes(users("/static/"))), target: "/static", want: "/static/"},
		"CONNECT, redirected to the slash":    {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1", want: "unmatched"},
		"the same, not clean":                 {handler: users("/users/{id}/"), method: "CONNECT", target: "/x/..//users/1", want: "unmatched"},
		"the same, with an escaped slash":     {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1%2F", want: "unmatched"},
		"the same, with two escaped slashes":  {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1%2F%2F", want: "unmatched"},
		"the same, with escaped dots":         {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1%2F..%2F2", want: "unmatched"},
		"the same, with dots and a slash":     {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1%2F.%2F", want: "unmatched"},
		"CONNECT, with the slash":             {handler: users("/users/{id}/"), method: "CONNECT", target: "/users/1/", want: "/users/{id}/"},
		"CONNECT, without wildcards":          {handler: users("/static/"), method: "CONNECT", target: "/static/a", want: "/static/"},
		"redirect to the clean path":          {handler: users("/users/{id}"), target: "//users/1", want: "/users/{id}"},
		"redirect to the clean path of none":  {handler: users("/users/{id}"), target: "//nobody", want: "unmatched"},
		"a handler that cuts the slash":       {handler: changing("/users/", func(r *http.Request) { r.URL.Path = "/users" }), target: "/users/", want: "/users/"},
		"a handler that changes path, method": {handler: changing("GET /users/{id}", func(r *http.Request) { r.URL.Path, r.Method = "/", "PUT" }), target: "/users/1", want: "/users/{id}"},

		"copied":                          {handler: copies(users("/users/{id}")), target: "/users/1", want: "unmatched"},
		"copied, with Routes":             {handler: copies(emberhttp.Routes(users("/users/{id}"))), target: "/users/1", want: "/users/{id}"},
		"copied twice, with Routes":       {handler: copies(copies(emberhttp.Routes(users("/users/{id}")))), target: "/users/1", want: "/users/{id}"},
		"none, with Routes":               {handler: copies(emberhttp.Routes(users("/users/{id}"))), target: "/nobody", want: "unmatched"},
		"not copied, with Routes":         {handler: emberhttp.Routes(users("/users/{id}")), target: "/users/1", want: "/users/{id}"},
		"CONNECT redirected, with Routes": {handler: copies(emberhttp.Routes(users("/users/{id}/"))), method: "CONNECT", target: "/users/1", want: "unmatched"},
		"within a mux":                    {handler: under("/api/", users("/api/users/{id}")), target: "/api/users/1", want: "/api/users/{id}"},
		"within a mux, stripped":          {handler: under("/api/", http.StripPrefix("/api", users("/users/{id}"))), target: "/api/users/1", want: "/api/"},
		"within a mux, stripped, with Routes": {
			handler: emberhttp.Routes(under("/api/", http.StripPrefix("/api", emberhttp.Routes(users("/users/{id}"))))),
			target:  "/api/users/1", want: "/users/{id}",
		},
		"TimeoutHandler":              {handler: http.TimeoutHandler(users("/users/{id}"), time.Minute, ""), target: "/users/1", want: "unmatched"},
		"TimeoutHandler, with Routes": {handler: http.TimeoutHandler(emberhttp.Routes(users("/users/{id}")), time.Minute, ""), target: "/users/1", want: "/users/{id}"},
		"hook": {
			handler: http.HandlerFunc(ok), target: "/users/1", want: "/people/:id",
			options: emberhttp.Options{Route: func(*http.Request) string { return "/people/:id" }},
		},
		"hook that knows nothing": {
			handler: users("/users/{id}"), target: "/users/1", want: "/users/{id}",
			options: emberhttp.Options{Route: func(*http.Request) string { return "" }},
		},
		"hook, with Routes": {
			handler: copies(emberhttp.Routes(users("/users/{id}"))), target: "/users/1", want: "/hook",
			options: emberhttp.Options{Route: func(*http.Request) string { return "/hook" }},
		},
		"SetRoute": {
			handler: copies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				emberhttp.SetRoute(r.Context(), "/first")
				emberhttp.SetRoute(r.Context(), "/last")
			})), target: "/users/1", want: "/last",
			options: emberhttp.Options{Route: func(*http.Request) string { return "/hook" }},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			method := tc.method
			if method == "" {
				method = "GET"
			}
			h := emberhttp.Middleware(reg, tc.options)(tc.handler)
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", tc.target, nil)
			r.Method = method
			h.ServeHTTP(w, r)
			require.Equal(t, []string{fmt.Sprintf(`{method="%s",path="%s",status="%d"} 1`, method, tc.want, w.Code)}, totals(t, reg))
		})
	}
}

func TestMiddlewareWithinAMux(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.Handle("GET /users/{id}", emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.PathValue("id"))
	})))
	require.Equal(t, "1", serve(mux, "GET", "/users/1").Body.String())
	require.Equal(t, []string{`{method="GET",path="/users/{id}",status="200"} 1`}, totals(t, reg))
}

// What is around the middleware sees the pattern, as it would without.
func TestPatternIsSeenOutside(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", ok)
	r := httptest.NewRequest("GET", "/users/1", nil)
	emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(mux).ServeHTTP(httptest.NewRecorder(), r)
	require.Equal(t, "/users/{id}", r.Pattern)
}

// The route of a request is known even if its handler was given up on before it returned.
func TestRouteOfALateHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		mux := http.NewServeMux()
		release := make(chan struct{})
		mux.HandleFunc("/slow/{id}", func(http.ResponseWriter, *http.Request) { <-release })
		h := emberhttp.Middleware(reg, emberhttp.Options{})(http.TimeoutHandler(emberhttp.Routes(mux), time.Second, "late"))
		require.Equal(t, 503, serve(h, "GET", "/slow/1").Code)
		close(release)
		synctest.Wait()
		require.Equal(t, []string{`{method="GET",path="/slow/{id}",status="503"} 1`}, totals(t, reg))
	})
}

// Within http.TimeoutHandler the handler's own end is recorded, whenever that is: nobody
// tells it what the client got.
func TestWithinTimeoutHandler(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"goes at once": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "200"},
		"says so": {func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			http.Error(w, "late", http.StatusGatewayTimeout)
		}, "504"},
		"notices nothing": {func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			io.WriteString(w, chunk)
		}, "200"},
		"panics": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := ember.NewRegistry()
				mux := http.NewServeMux()
				mux.HandleFunc("/slow/{id}", tc.handler)
				h := http.TimeoutHandler(emberhttp.Middleware(reg, emberhttp.Options{})(mux), time.Second, "late")
				require.Equal(t, 503, serve(h, "GET", "/slow/1").Code)
				time.Sleep(2 * time.Minute)
				require.Equal(t, []string{`{method="GET",path="/slow/{id}",status="` + tc.want + `"} 1`}, totals(t, reg))
				require.Contains(t, samples(t, reg), "http_requests_in_flight 0")
			})
		})
	}
}

func TestDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		h := emberhttp.Middleware(reg, emberhttp.Options{Buckets: []float64{1, 3}})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			time.Sleep(2 * time.Second)
			require.Contains(t, samples(t, reg), "http_requests_in_flight 1")
		}))
		serve(h, "GET", "/")
		require.Contains(t, exposed(t, reg), `
http_request_duration_seconds_bucket{method="GET",path="unmatched",status="200",le="1"} 0
http_request_duration_seconds_bucket{method="GET",path="unmatched",status="200",le="3"} 1
http_request_duration_seconds_bucket{method="GET",path="unmatched",status="200",le="+Inf"} 1
http_request_duration_seconds_sum{method="GET",path="unmatched",status="200"} 2
`)
		require.Contains(t, samples(t, reg), "http_requests_in_flight 0")
	})
}

func exposed(t testing.TB, reg *ember.Registry) string {
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	return b.String()
}

func TestOutcome(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("card") {
		case "declined":
			emberhttp.SetOutcome(r.Context(), "failure")
		case "broken":
			w.WriteHeader(500)
		case "panic":
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "{}")
	})
	var results []emberhttp.Result
	h := emberhttp.Middleware(reg, emberhttp.Options{Outcome: func(r emberhttp.Result) string {
		results = append(results, r)
		return emberhttp.SuccessOrFailure(r)
	}})(copies(emberhttp.Routes(mux)))
	serve(h, "POST", "/pay")
	serve(h, "POST", "/pay?card=declined")
	serve(h, "POST", "/pay?card=broken")
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { serve(h, "POST", "/pay?card=panic") })
	require.Equal(t, []string{
		`{method="POST",path="/pay",status="200",outcome="failure"} 1`,
		`{method="POST",path="/pay",status="200",outcome="success"} 1`,
		`{method="POST",path="/pay",status="500",outcome="failure"} 2`,
	}, totals(t, reg))
	require.Equal(t, "failure", results[1].Outcome)
	require.Equal(t, "/pay", results[1].Route)
	require.EqualValues(t, 2, results[1].ResponseSize)
	require.Equal(t, "/pay?card=declined", results[1].Request.RequestURI)
	require.False(t, results[2].Panicked)
	require.True(t, results[3].Panicked)
}

func TestOptions(t *testing.T) {
	reg := ember.NewRegistry()
	opts := emberhttp.Options{
		Namespace: "shop", ConstLabels: ember.Labels{"server": "public"}, Methods: []string{"PROPFIND"}, MaxRoutes: 2,
		Route: func(r *http.Request) string { return r.URL.Path }, Native: &ember.NativeOpts{},
	}
	middleware := emberhttp.Middleware(reg, opts)
	opts.Methods[0] = "changed"
	h := middleware(http.HandlerFunc(ok))
	for i := range 4 {
		serve(h, "PROPFIND", fmt.Sprintf("/%d", i))
	}
	text := exposed(t, reg)
	for _, path := range []string{"/0", "/1", "other"} {
		require.Contains(t, text, `shop_http_requests_total{server="public",method="PROPFIND",path="`+path+`",status="200"}`)
	}
	require.NotContains(t, text, "/2")
	require.NotContains(t, text, `le="1"`)
	emberhttp.Middleware(reg, opts) // is the same, but for the methods
	opts.Outcome = emberhttp.SuccessOrFailure
	require.Panics(t, func() { emberhttp.Middleware(reg, opts) })
}

func TestExemplars(t *testing.T) {
	reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
		if s, ok := ctx.Value(contextKey{}).(string); ok {
			return ember.Labels{"trace_id": s}
		}
		return nil
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("/outside", ok)
	middleware := emberhttp.Middleware(reg, emberhttp.Options{})
	serve(copies(middleware(mux)), "GET", "/outside")
	mux2 := http.NewServeMux()
	mux2.HandleFunc("/inside", ok)
	serve(middleware(copies(emberhttp.Routes(mux2))), "GET", "/inside")

	var b strings.Builder
	require.NoError(t, ember.Write(&b, reg, ember.FormatOpenMetrics))
	for _, path := range []string{"/outside", "/inside"} {
		require.Contains(t, b.String(), `http_requests_total{method="GET",path="`+path+`",status="200"} 1.0 # {trace_id="span"} 1.0`)
		require.Contains(t, b.String(), `http_request_duration_seconds_bucket{method="GET",path="`+path+`",status="200",le="0.005"} 1 # {trace_id="span"}`)
	}
}

func TestManyAtOnce(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "1234") })
	server := httptest.NewServer(emberhttp.Middleware(reg, emberhttp.Options{})(copies(emberhttp.Routes(mux))))
	defer server.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				response, err := server.Client().Get(fmt.Sprintf("%s/users/%d", server.URL, i))
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool {
		s := samples(t, reg)
		return s[0] == `http_request_duration_seconds_count{method="GET",path="/users/{id}",status="200"} 800` &&
			s[3] == "http_requests_in_flight 0" &&
			s[4] == `http_requests_total{method="GET",path="/users/{id}",status="200"} 800` &&
			s[6] == `http_response_size_bytes_sum{method="GET",path="/users/{id}"} 3200`
	}, 5*time.Second, time.Millisecond, "%v", samples(t, reg))
}

// A handler may leave a goroutine that still writes: it must never reach another response.
func TestLateWriterReachesNobodyElse(t *testing.T) {
	var late http.ResponseWriter
	h := emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if late == nil {
			late = w
			return
		}
		io.WriteString(late, "late")
	}))
	first := serve(h, "GET", "/")
	for range 100 {
		require.Empty(t, serve(h, "GET", "/").Body.String())
	}
	require.Equal(t, strings.Repeat("late", 100), first.Body.String())
}

func TestSetWithoutMiddleware(t *testing.T) {
	emberhttp.SetRoute(t.Context(), "/x")
	emberhttp.SetOutcome(t.Context(), "failure")
	mux := http.NewServeMux()
	mux.HandleFunc("/x", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	require.Equal(t, 202, serve(emberhttp.Routes(mux), "GET", "/x").Code)
}

// The difference that the package's documentation admits, and what has none.
func TestMaxBytesReaderKeepsTheConnection(t *testing.T) {
	limit := func(bytes int64) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bytes))
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		})
	}
	middleware := emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})
	for name, tc := range map[string]struct {
		handler http.Handler
		closes  bool
	}{
		"without":                {limit(8), true},
		"with":                   {middleware(limit(8)), false},
		"MaxBytesHandler around": {http.MaxBytesHandler(middleware(limit(100)), 8), true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			response, err := server.Client().Post(server.URL, "", strings.NewReader(chunk))
			require.NoError(t, err)
			defer response.Body.Close()
			b, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, 413, response.StatusCode)
			require.Equal(t, "http: request body too large\n", string(b))
			require.Equal(t, tc.closes, response.Close)
		})
	}
}

// Trailers that nobody announced are in the request all the same, which HTTP/1 alone has.
func TestTrailersThatNobodyAnnounced(t *testing.T) {
	for name, middleware := range map[string]func(http.Handler) http.Handler{
		"without": func(h http.Handler) http.Handler { return h },
		"with":    emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{}),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				fmt.Fprint(w, r.Trailer)
			})))
			defer server.Close()
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer c.Close()
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n")
			b, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Contains(t, string(b), "\r\n\r\nmap[X-Sum:[7]]")
		})
	}
}

func TestMethods(t *testing.T) {
	reg := ember.NewRegistry()
	h := emberhttp.Middleware(reg, emberhttp.Options{MaxRoutes: -1})(http.HandlerFunc(ok))
	var want []string
	for _, method := range []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"} {
		h.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: method})
		want = append(want, `{method="`+method+`",path="unmatched",status="200"} 1`)
	}
	for _, method := range []string{"get", "PROPFIND", "\xff"} {
		h.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: method})
	}
	require.Equal(t, append(want, `{method="other",path="unmatched",status="200"} 3`), totals(t, reg))
}

// A header that announces more than there will ever be does not spoil the sum of all sizes.
func TestSizesThatAreMadeUp(t *testing.T) {
	reg := ember.NewRegistry()
	s := httptest.NewServer(emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = "/uploads"
			io.ReadFull(r.Body, make([]byte, 3))
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})))
	defer s.Close()
	for _, length := range []string{"9000000000000000000", "1073741825", "1073741824"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		fmt.Fprintf(conn, "POST /uploads HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\nabc", length)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
		conn.Close()
	}
	s.Close() // all is recorded
	h := embertest.Histogram(t, reg, "http_request_size_bytes")
	require.Equal(t, 3, int(h.Count))
	require.Equal(t, float64(1<<30+3+3), h.Sum)
}
