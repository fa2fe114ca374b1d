// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"context"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
)

// notes are what is said about a request from further inside, perhaps by another
// goroutine. The zero notes are empty.
type notes struct {
	mu   sync.Mutex // of writers
	kept atomic.Pointer[said]
}

// said does not change.
type said struct {
	route   string          // by SetRoute
	pattern string          // by Routes: what the innermost ServeMux's says of paths
	ctx     context.Context // that of the request with the pattern
	outcome string          // by SetOutcome
}

// add lets f change what is noted.
func (n *notes) add(f func(*said)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := new(said)
	if old := n.kept.Load(); old != nil {
		*next = *old
	}
	f(next)
	n.kept.Store(next)
}

// carrier is the context of the request that the handler gets. It leads to the notes.
type carrier struct {
	context.Context
	notes *notes
}

type carrierKey struct{}

// Value implements context.Context.
func (c *carrier) Value(key any) any {
	if _, ok := key.(carrierKey); ok {
		return c.notes
	}
	return c.Context.Value(key)
}

// notesOf returns the notes of the request that ctx is of, or nil if no middleware of this
// package is around it.
func notesOf(ctx context.Context) *notes {
	n, _ := ctx.Value(carrierKey{}).(*notes)
	return n
}

// SetRoute says which route serves the request that ctx is of, for the label "path": for
// routers without a hook, and for what is finer than a route, such as the operation of a
// query language. The last call counts, and more than any other way to find the route. The
// route must be one of a limited number. Without a Middleware around it nothing happens.
func SetRoute(ctx context.Context, route string) {
	if n := notesOf(ctx); n != nil {
		n.add(func(s *said) { s.route = route })
	}
}

// SetOutcome says what became of the request that ctx is of, for Options.Outcome: "failure"
// for one that is answered with 200 all the same. The last call counts. Without a
// Middleware around it nothing happens.
func SetOutcome(ctx context.Context, outcome string) {
	if n := notesOf(ctx); n != nil {
		n.add(func(s *said) { s.outcome = outcome })
	}
}

// SuccessOrFailure is an Options.Outcome. It returns what the handler said with SetOutcome,
// or else "failure" for a status of 500 and more, and "success" for all others.
func SuccessOrFailure(r Result) string {
	switch {
	case r.Outcome != "":
		return r.Outcome
	case r.Status >= 500:
		return "failure"
	default:
		return "success"
	}
}

// Routes lets Middleware know the routes of a ServeMux that has other middleware around it
// which copies requests, as everything does that calls http.Request.WithContext: the mux
// notes the pattern in the copy, which nobody further outside ever sees.
//
//	h := emberhttp.Middleware(reg, emberhttp.Options{})(authenticate(emberhttp.Routes(mux)))
//
// It does no harm where it is not needed. If several are passed, as with a mux in a mux, the
// innermost counts. Exemplars are searched in the context that Routes is called with, which
// has what the middleware around it put there, such as a span.
//
// Without a Middleware around it, Routes is next.
func Routes(next http.Handler) http.Handler {
	mux, _ := next.(matcher)
	return &routes{next, mux}
}

// matcher is http.ServeMux, or what knows a route beforehand in the same way.
type matcher interface {
	Handler(*http.Request) (http.Handler, string)
}

type routes struct {
	next http.Handler
	mux  matcher // the same, or nil
}

// ServeHTTP implements http.Handler.
func (h *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := notesOf(r.Context())
	if n == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	early := ""
	if h.mux != nil && !leadsTo(w, n) {
		// Something between keeps the response to itself, and may give up on the handler
		// before it returns, as http.TimeoutHandler does. It must be known by then.
		_, pattern := h.mux.Handler(r)
		if early = routeOf(r, pattern); early != "" {
			n.add(func(s *said) { s.pattern, s.ctx = early, r.Context() })
		}
	}
	defer func() {
		if final := routeOf(r, r.Pattern); final != "" {
			n.add(func(s *said) {
				if s.pattern == "" || s.pattern == early { // otherwise it is that of a mux further inside
					s.pattern, s.ctx = final, r.Context()
				}
			})
		}
	}()
	h.next.ServeHTTP(w, r)
}

// leadsTo reports whether w is the writer of the recorder whose notes these are, or unwraps
// to it.
func leadsTo(w http.ResponseWriter, n *notes) bool {
	for {
		// Every face begins with its recorder, and a recorder with its notes.
		if v := reflect.ValueOf(w); v.Kind() == reflect.Pointer && v.Pointer() == reflect.ValueOf(n).Pointer() {
			return true
		}
		u, ok := w.(unwrapper)
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}

// routeOf returns what a ServeMux's pattern says of paths, which is without method and
// host; or "" if r matched none.
func routeOf(r *http.Request, pattern string) string {
	slash := strings.IndexByte(pattern, '/')
	if slash < 0 || r.Method == http.MethodConnect && r.URL != nil && isRedirection(r.URL.Path, pattern) {
		return ""
	}
	return pattern[slash:]
}

// isRedirection reports whether to is where a mux redirects a CONNECT for of to, as it does
// if it has a pattern for what is one slash longer. In place of that pattern, and for this
// method alone, it leaves that path in the request, with whatever the client put where
// wildcards are: cleaned, or since Go 1.27 as it came.
func isRedirection(of, to string) bool {
	longer, ok := strings.CutSuffix(to, "/")
	if !ok || longer == of {
		return ok
	}
	clean := path.Clean("/" + of)
	if len(clean) > 1 && strings.HasSuffix(of, "/") {
		clean += "/"
	}
	return longer == clean
}
