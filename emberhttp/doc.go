// SPDX-License-Identifier: Apache-2.0

// Package emberhttp records what HTTP servers and clients do.
//
//	reg := ember.Default()
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /users/{id}", showUser)
//	mux.Handle("GET /metrics", ember.Handler())
//	log.Fatal(http.ListenAndServe(":8080", emberhttp.Middleware(reg, emberhttp.Options{})(mux)))
//
// After that there are http_requests_total{method,path,status},
// http_request_duration_seconds{method,path,status}, http_request_size_bytes{method,path},
// http_response_size_bytes{method,path} and http_requests_in_flight. [Transport] has the
// same for what a service asks of others.
//
// # Labels
//
// No label has anything in it that a client can choose at will.
//
// path is the template of the route, "/users/{id}", and never the path: what is in
// http.Request.Pattern after the handler, without method and host. A request that no route
// matches, for its path or its method, has "unmatched". The mux sets the pattern in the
// request that it gets; if another middleware, between this one and the mux, copies
// requests, as those do that put something in the context, the mux needs [Routes] around
// it, or else all is "unmatched". Routers of others have a hook, [Options].Route, and handlers
// [SetRoute].
//
// method is one of RFC 9110's, PATCH or one of [Options].Methods, and otherwise "other".
//
// status is the status that was sent, as a number, where the following does not apply. Those
// of 1xx do not count, but for 101 in HTTP/1.
//
//   - A handler that writes nothing has 200, as the server sends it.
//   - A handler that panics has 500, whatever was sent before. The panic goes on. So it is if
//     a hook of [Options] panics after the handler. http.ErrAbortHandler is no exception, for
//     the response is not whole; but it is 499 if the client was gone, which is how reverse
//     proxies end then.
//   - A handler that returns without having sent anything, when the client is gone, has 499, and
//     so it has if the request's context was canceled for any other reason. What was sent
//     before that counts, even if it came too late.
//   - A connection that was hijacked, as for WebSocket, has the status that was sent before, or
//     101.
//   - What is around the middleware, and answers in the handler's place, is not seen. So
//     http.TimeoutHandler should be inside: with it around, a handler that is too late has the
//     status of its own end.
//
// # What is recorded
//
// Everything is recorded once a request, when its handler is done. So a duration is that
// of the whole response, of a stream until its end, and of a hijacked connection until the
// handler returns, which may leave it to a goroutine. Most of those have a path or status of
// their own.
//
// Sizes are those of bodies: of the request, what its header says, or what the handler read if
// that says nothing, or more than 1 GiB, which anybody can say; of the response, what the handler wrote, before anything further outside
// compresses or chunks it. A response to HEAD has none. What is sent through a hijacked
// connection is not seen, so such a response has no size at all.
//
// If the registry has ember.WithExemplarSource, it is asked with the context of the request.
// A span must be in it when Middleware, or Routes, is called.
//
// # What handlers see
//
// A handler's writer has the same optional methods as that of the server, or of what else is
// around the middleware: those of http.Flusher, http.Hijacker, http.Pusher, io.ReaderFrom,
// io.StringWriter and http.CloseNotifier, no more and no fewer. FlushError comes with Flush. A copy of
// a file still reaches sendfile. http.ResponseController works.
//
// The handler gets a copy of the request, whose context leads to what is recorded. What it
// leaves in Pattern, Form, PostForm and MultipartForm is in the original afterwards. A context
// that outlives the request, such as one by context.WithoutCancel, keeps all of the request
// in memory.
//
// Two things are lost, as behind any writer that is not the server's own. http.MaxBytesReader,
// when its limit is reached, does not tell the server to close the connection, but
// http.MaxBytesHandler around the middleware does. And the server's log has this package as
// the caller of a superfluous WriteHeader.
//
// # Cost
//
// The middleware makes one allocation a request, of 416 bytes, and takes no lock. A body of
// unknown length, or one of more than 1 GiB, takes one more, and so do Routes, SetRoute and
// SetOutcome.
package emberhttp

//go:generate sh -c "go run ./internal/facegen > faces.go"
