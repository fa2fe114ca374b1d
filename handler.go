// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HandlerOpts changes how HandlerFor serves. The zero value is right for most.
type HandlerOpts struct {
	// OnError is what to answer when a collector or a callback fails. The zero
	// value is ServeRest.
	OnError ErrorMode

	// MaxInFlight is how many scrapes may be served at once; more are answered
	// with 503. Zero means 16, negative no limit.
	MaxInFlight int

	// Timeout ends a scrape that takes longer. It counts even if the scraper
	// announces more patience. Zero means no limit but the scraper's own.
	Timeout time.Duration

	// DisableCompression serves identity even to clients that accept gzip: for
	// where something in front compresses anyway. False: who accepts gzip gets it.
	DisableCompression bool

	// Encodings are offered beside gzip, and preferred over it where the client
	// likes both equally, the earlier ones first. None: gzip alone. One without a
	// name or without NewWriter makes HandlerFor panic.
	Encodings []Encoding

	// OpenMetrics2 offers OpenMetrics 2.0.0, which is a release candidate, to
	// clients that ask for it. False: they get what else they asked for.
	OpenMetrics2 bool

	// Created adds a line to each series of a counter, histogram or summary in
	// OpenMetrics 1.0.0 that says when it began; see Format.WithCreated. False:
	// only formats that need no line for that say it.
	Created bool
}

// ErrorMode is what a handler does when something could not be collected.
type ErrorMode uint8

const (
	// ServeRest serves everything else; if that is nothing but Ember's own
	// metrics, 500. The failure is visible in ember_collector_errors_total and the
	// log.
	ServeRest ErrorMode = iota
	// Fail answers 500 with the errors, so that the whole scrape fails visibly.
	Fail
)

const defaultMaxInFlight = 16

// timeoutHeader is how Prometheus says how long it will wait.
const timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"

// HandlerFor exposes g over HTTP, in the format, with the names and in the encoding
// that the client likes best by its Accept and Accept-Encoding headers: the text
// formats, OpenMetrics or protobuf, with names in UTF-8 or escaped, compressed with
// gzip or plain. Who asks for nothing that there is gets text. If the client excludes
// everything that there is the answer is 406.
//
// GET is answered with everything that g exposes, HEAD with the same header, any
// other method with 405. The query parameter name[], which may be repeated, asks for
// the families of these names alone, or of which these are samples; others are not
// even collected, except by collectors that do not describe what they write. Names
// may be raw or escaped. What does not exist is not there, and no error.
//
// Collectors are called with a context that ends when the
// client goes away, and shortly before the scraper's own deadline
// (X-Prometheus-Scrape-Timeout-Seconds), so that one that is late costs its own
// series and not the scrape. Once the first byte is sent, anything that prevents
// the rest aborts the connection: a scrape is never cut short in a way that looks
// complete. So does a client that takes nothing for half a minute, unless its server
// has a WriteTimeout.
//
// Families are streamed: memory does not grow with the number of series, and
// nothing that the service counts waits for a scrape.
//
// HandlerFor panics if g is nil, or an encoding is one that there is already.
func HandlerFor(g Gatherer, opts HandlerOpts) http.Handler {
	if g == nil {
		panic("ember: HandlerFor was given no Gatherer")
	}
	if err := checkEncodings(opts.Encodings); err != nil {
		panic(err)
	}
	return newHandler(preparerOf(g), opts)
}

func newHandler(p preparer, opts HandlerOpts) *handler {
	h := &handler{preparer: p, opts: opts}
	if !opts.DisableCompression {
		for _, e := range opts.Encodings {
			h.codings = append(h.codings, newCoding(e))
		}
		h.codings = append(h.codings, gzipCoding)
		for _, c := range h.codings {
			h.offers = append(h.offers, c.name)
		}
	}
	limit := opts.MaxInFlight
	if limit == 0 {
		limit = defaultMaxInFlight
	}
	if limit > 0 {
		h.slots = make(chan struct{}, limit)
	}
	return h
}

type handler struct {
	preparer preparer
	opts     HandlerOpts
	codings  []*coding     // in order of preference
	offers   []string      // their names
	slots    chan struct{} // holds one for each scrape being served; nil: no limit
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Add("Vary", "Accept, Accept-Encoding")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, fmt.Sprintf("ember: method %s is not allowed here, only GET and HEAD", r.Method), http.StatusMethodNotAllowed)
		return
	}
	format, ok := negotiateFormat(r.Header["Accept"], h.opts.OpenMetrics2)
	if !ok {
		http.Error(w, fmt.Sprintf("ember: all formats are excluded by Accept %q", r.Header["Accept"]), http.StatusNotAcceptable)
		return
	}
	encoding := negotiateEncoding(r.Header["Accept-Encoding"], h.offers)
	if encoding == notAcceptable {
		http.Error(w, fmt.Sprintf("ember: none of %s is acceptable by Accept-Encoding %q", strings.Join(append(slices.Clip(h.offers), "identity"), ", "), r.Header["Accept-Encoding"]), http.StatusNotAcceptable)
		return
	}
	if h.slots != nil {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		default:
			header.Set("Retry-After", "1")
			http.Error(w, fmt.Sprintf("ember: %d scrapes are being served, which is the limit", cap(h.slots)), http.StatusServiceUnavailable)
			return
		}
	}
	ctx, cancel := h.limit(r)
	defer cancel()
	collecting, cancelCollecting := leaveTime(ctx)
	defer cancelCollecting()

	q := request{escaping: format.escaping()}
	if r.URL.RawQuery != "" {
		q.names = r.URL.Query()["name[]"]
	}
	s := h.preparer.prepare(collecting, q)
	if r.Context().Err() != nil {
		abort(w, r) // nobody is there any more
	}
	if s.err != nil && (h.opts.OnError == Fail || s.empty()) {
		http.Error(w, s.err.Error(), http.StatusInternalServerError)
		return
	}
	header.Set("Content-Type", format.ContentType())
	if encoding != identity {
		header.Set("Content-Encoding", h.offers[encoding])
	}
	if r.Method == http.MethodHead {
		return
	}
	if h.opts.Created {
		format = format.WithCreated()
	}
	if err := h.send(ctx, newStallWriter(w, r), s, format, encoding); err != nil {
		abort(w, r)
	}
}

// send writes a scrape until ctx is done.
func (h *handler) send(ctx context.Context, w *stallWriter, s *scrape, f Format, encoding int) error {
	defer w.done()
	if encoding == identity {
		return s.encode(ctx, w, f)
	}
	return h.codings[encoding].compress(w, func(w io.Writer) error { return s.encode(ctx, w, f) })
}

// abort ends a response so that nobody takes what was sent for the whole. The server
// does that for a handler that panics so, except in HTTP/1.0, where closing the
// connection is how every response ends: there it is reset.
func abort(w http.ResponseWriter, r *http.Request) {
	if !r.ProtoAtLeast(1, 1) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	panic(http.ErrAbortHandler)
}

// limit returns the request's context with the deadline of the scrape: the
// scraper's own or the handler's, whichever comes first.
func (h *handler) limit(r *http.Request) (context.Context, context.CancelFunc) {
	limit := h.opts.Timeout
	if announced := scrapeTimeout(r.Header.Get(timeoutHeader)); announced > 0 && (limit <= 0 || announced < limit) {
		limit = announced
	}
	if limit <= 0 {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeoutCause(r.Context(), limit, errorf("ember: the scrape's deadline of %v has passed", limit))
}

// leaveTime returns a context for collecting that ends before ctx does, so that
// what could be collected can still be sent: a tenth of the time earlier, at most
// half a second.
func leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	spare := min(left/10, 500*time.Millisecond)
	// Rounded, it is the same for each scrape of one scraper, and is logged once.
	return context.WithTimeoutCause(ctx, left-spare, errorf("ember: the scrape's deadline is %v away", spare.Round(time.Millisecond)))
}

// scrapeTimeout returns how long the scraper will wait. Zero: the header says
// nothing that makes sense.
func scrapeTimeout(header string) time.Duration {
	seconds, err := strconv.ParseFloat(header, 64)
	if err != nil || !(seconds > 0) || seconds > math.MaxInt64/1e9/2 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
