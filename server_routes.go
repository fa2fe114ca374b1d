// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"slices"
)

// routes returns all that the server answers.
func (s *server) routes() (http.Handler, error) {
	links := `<li><a href="/metrics">Metrics</a></li>`
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.guard(s.timed(newHandler(preparerOf(s.opts.Gatherer), s.opts.Handler))))
	if s.opts.Cardinality {
		r, ok := s.opts.Gatherer.(*Registry)
		if !ok {
			return nil, errorf("Cardinality needs a registry, and the Gatherer is a %T", s.opts.Gatherer)
		}
		mux.Handle("/debug/cardinality", s.guard(s.timed(CardinalityHandler(r))))
		links += `<li><a href="/debug/cardinality">Cardinality</a></li>`
	}
	healthy := http.Handler(text200("text/plain; charset=utf-8", "ok\n"))
	if s.opts.GuardHealth {
		healthy = s.guard(healthy)
	}
	mux.Handle("/-/healthy", healthy)
	links += `<li><a href="/-/healthy">Health</a></li>`
	mux.Handle("/{$}", s.guard(text200("text/html; charset=utf-8",
		`<!DOCTYPE html><html lang="en"><head><title>Metrics</title></head><body><h1>Metrics</h1><ul>`+links+"</ul></body></html>\n")))
	mux.Handle("/", s.guard(http.NotFoundHandler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff") // labels may say what others sent
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	}), nil
}

// text200 answers with a text.
func text200(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "ember: method "+r.Method+" is not allowed here, only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, text)
	}
}

// timed makes requests end after WriteTimeout, so that what collects gives up shortly
// before: package http heeds that limit only when something is written.
func (s *server) timed(h http.Handler) http.Handler {
	limit := s.http.WriteTimeout
	if limit <= 0 {
		return h
	}
	cause := errorf("ember: the server's WriteTimeout of %v has passed", limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), limit, cause)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// guard answers those who may not see what h serves.
func (s *server) guard(h http.Handler) http.Handler {
	if s.opts.Allow == nil && s.secrets == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.opts.Allow != nil && !allowed(s.opts.Allow, r.RemoteAddr) {
			http.Error(w, "ember: "+r.RemoteAddr+" is not an address that may see this", http.StatusForbidden)
			return
		}
		if s.secrets != nil && !s.secrets.admit(r) {
			for _, c := range s.secrets.challenges {
				w.Header().Add("WWW-Authenticate", c)
			}
			http.Error(w, "ember: this needs other credentials", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// prefixes returns a copy of Allow, in which what is of IPv4 within IPv6 is of IPv4.
func prefixes(allow []netip.Prefix) ([]netip.Prefix, error) {
	allow = slices.Clone(allow)
	for i, p := range allow {
		if !p.IsValid() {
			return nil, errorf("Allow[%d] is no prefix of addresses", i)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			allow[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return allow, nil
}

// allowed reports whether one of the prefixes has the address of a connection. One of IPv4
// within IPv6 is one of IPv4.
func allowed(prefixes []netip.Prefix, remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
