// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// ServerOpts says what ListenAndServe serves, to whom, and how patiently. The zero value
// serves the default registry to everybody.
//
// A time or size of zero means the default, a negative one no limit. Files are looked at
// again when they have changed, at most once a second; if a new one cannot be used, the
// log says so once, and what was read before stays in use.
type ServerOpts struct {
	// Gatherer is what is exposed. Nil: Default().
	Gatherer Gatherer
	// Handler is how, as in HandlerFor.
	Handler HandlerOpts
	// Cardinality adds /debug/cardinality, as by CardinalityHandler. Gatherer must then be
	// a registry.
	Cardinality bool

	// Listening is called once with the address that was bound, which says the port if it
	// was chosen. The server does not end before it returns. Nil: only the log says it.
	Listening func(net.Addr)
	// Logger is told the address, files that cannot be used, and what goes wrong with
	// connections. Nil: slog.Default().
	Logger *slog.Logger

	// CertFile and KeyFile hold a certificate, with its chain, and its key, in PEM: the
	// server then speaks TLS 1.2 or newer, HTTP/2 too, and nothing else. Empty: no TLS.
	CertFile, KeyFile string
	// ClientCAFile holds certificates in PEM. A client must have a certificate that one of
	// them signed, or its connection is refused: for /-/healthy, too. Empty: none is needed.
	ClientCAFile string
	// TLSConfig is instead of these files, for certificates that come from elsewhere, by its
	// GetCertificate say: a secrets manager, SPIFFE, ACME. It also says which clients may
	// connect. It is cloned. Without a MinVersion that is TLS 1.2; an older one is warned of.
	TLSConfig *tls.Config

	// Users have their passwords by name, for basic authentication. UsersFile has more of
	// them, one in a line: the name, a colon and the password.
	Users     map[string]string
	UsersFile string
	// Tokens are for bearer authentication. TokensFile has more of them, one in a line.
	//
	// Who has one or is a user gets in. With none of the four, everybody does; files and
	// lists that leave nobody cannot be used. All are plain text, and lines of files that
	// are empty or start with # say nothing. On the way, only TLS hides them. They are
	// compared in a time that does not depend on what of them is right. Nothing limits how
	// often somebody may try: let them be long and random, or Allow few to connect.
	Tokens     []string
	TokensFile string
	// Allow lists the addresses that may connect, such as 10.0.0.0/8: those of the
	// connections, whatever headers say. Others are answered with 403. In ::/0 there is
	// none of IPv4. Nil: all may; empty: nobody.
	Allow []netip.Prefix
	// GuardHealth makes /-/healthy heed Allow, users and tokens. False: everybody may know.
	GuardHealth bool

	ReadHeaderTimeout time.Duration // for a request's header, and a TLS handshake; default 5 s
	ReadTimeout       time.Duration // for a whole request; default 10 s
	WriteTimeout      time.Duration // from there to the end of the response, without what is still being collected then; default 1 min
	IdleTimeout       time.Duration // between requests of a connection; default 3 min
	MaxHeaderBytes    int           // of a request; default 64 KiB

	// ShutdownTimeout is how long a request in flight may take to its end once the context
	// is done. Default 5 s.
	ShutdownTimeout time.Duration
}

const (
	defaultReadHeaderTimeout = 5 * time.Second
	defaultReadTimeout       = 10 * time.Second
	defaultWriteTimeout      = time.Minute
	defaultIdleTimeout       = 3 * time.Minute
	defaultMaxHeaderBytes    = 64 << 10
	defaultShutdownTimeout   = 5 * time.Second
)

// ListenAndServe serves metrics at an address of their own until ctx is done: at /metrics
// as HandlerFor does, at /-/healthy that the process lives, and at / a page with links. It
// has nothing to do with http.DefaultServeMux or any server of the program's, so metrics
// can be had while those are busy, and nothing else can be had here.
//
//	err := ember.ListenAndServe(ctx, "127.0.0.1:9100", ember.ServerOpts{})
//
// The address is a host and a port of TCP, as of net.Listen. Port 0 is any free one. Of a
// range, such as "127.0.0.1:9100-9110", it is the first that can be bound, so that several
// processes of one program find one each.
//
// If nothing can be bound, or an option makes no sense or names a file that cannot be
// used, ListenAndServe returns an error at once, naming the address. When ctx is done it
// accepts no more, lets requests in flight finish for ShutdownTimeout, cuts off what is
// left, and returns nil.
func ListenAndServe(ctx context.Context, addr string, opts ServerOpts) error {
	if ctx.Err() != nil {
		return nil
	}
	s, err := newServer(opts)
	if err != nil {
		return errorf("ember: server %q: %w", addr, err)
	}
	var config net.ListenConfig
	listener, err := listen(addr, func(addr string) (net.Listener, error) { return config.Listen(ctx, "tcp", addr) })
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return errorf("ember: server %q: %w", addr, err)
	}
	if err := s.serve(ctx, listener); err != nil {
		return errorf("ember: server %q: %w", addr, err)
	}
	return nil
}

// server is one call of ListenAndServe.
type server struct {
	http    http.Server
	opts    ServerOpts
	log     *slog.Logger
	secrets *secrets // of users and tokens; nil: none are needed
	silent  newcomers
}

// newServer checks the options and reads the files.
func newServer(opts ServerOpts) (*server, error) {
	s := &server{opts: opts, log: opts.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.opts.Gatherer == nil {
		s.opts.Gatherer = Default()
	}
	if err := checkEncodings(opts.Handler.Encodings); err != nil {
		return nil, err
	}
	var err error
	if s.opts.Allow, err = prefixes(opts.Allow); err != nil {
		return nil, err
	}
	if s.secrets, err = newSecrets(opts, s.log); err != nil {
		return nil, err
	}
	if s.http.TLSConfig, err = newTLSConfig(opts, s.log, s.speaksHTTP2); err != nil {
		return nil, err
	}
	s.http.ReadHeaderTimeout = limitOr(opts.ReadHeaderTimeout, defaultReadHeaderTimeout)
	s.http.ReadTimeout = limitOr(opts.ReadTimeout, defaultReadTimeout)
	s.http.WriteTimeout = limitOr(opts.WriteTimeout, defaultWriteTimeout)
	s.http.IdleTimeout = limitOr(opts.IdleTimeout, defaultIdleTimeout)
	// In HTTP/2 WriteTimeout is of a stream alone: what ends one has to be written, which
	// takes for ever if the client reads nothing.
	stall := stallLimit
	if w := s.http.WriteTimeout; w > 0 {
		stall = min(stall, w)
	}
	s.http.HTTP2 = &http.HTTP2Config{WriteByteTimeout: stall}
	switch s.http.MaxHeaderBytes = opts.MaxHeaderBytes; {
	case opts.MaxHeaderBytes == 0:
		s.http.MaxHeaderBytes = defaultMaxHeaderBytes
	case opts.MaxHeaderBytes < 0:
		s.http.MaxHeaderBytes = 1 << 30
	}
	s.http.ConnState = s.silent.state
	s.http.ErrorLog = log.New(complaints{s.log}, "", 0)
	s.http.Handler, err = s.routes()
	return s, err
}

// limitOr returns a time limit, which is none below zero, or the default instead of zero.
func limitOr(given, otherwise time.Duration) time.Duration {
	if given == 0 {
		return otherwise
	}
	return given
}

// serve serves until ctx is done.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	defer listener.Close() // in any case: Listening may panic
	defer s.http.Close()
	ended := make(chan error, 1)
	secure := s.http.TLSConfig != nil // package http sets one in any case
	go func() {
		if secure {
			ended <- s.http.ServeTLS(listener, "", "")
		} else {
			ended <- s.http.Serve(listener)
		}
	}()
	s.log.Info("ember: metrics are served", "address", listener.Addr().String(), "tls", secure)
	if s.opts.Listening != nil {
		s.opts.Listening(listener.Addr())
	}
	select {
	case err := <-ended: // by itself, so something is wrong
		return err
	case <-ctx.Done():
	}
	last := context.WithoutCancel(ctx)
	if limit := limitOr(s.opts.ShutdownTimeout, defaultShutdownTimeout); limit > 0 {
		var cancel context.CancelFunc
		last, cancel = context.WithTimeout(last, limit)
		defer cancel()
	}
	s.silent.end()
	if err := s.http.Shutdown(last); err != nil {
		s.log.Warn("ember: connections of the metrics server are cut off", "address", listener.Addr().String(), "error", err.Error())
		_ = s.http.Close()
	}
	<-ended
	return nil
}
