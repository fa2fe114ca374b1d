// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync/atomic"
)

// newTLSConfig returns nil if there is to be no TLS.
func newTLSConfig(opts ServerOpts, log *slog.Logger, http2 func() bool) (*tls.Config, error) {
	switch {
	case opts.TLSConfig != nil:
		for _, file := range []struct{ name, path string }{{"CertFile", opts.CertFile}, {"KeyFile", opts.KeyFile}, {"ClientCAFile", opts.ClientCAFile}} {
			if file.path != "" {
				return nil, errorf("TLSConfig and the %s %q contradict each other: give one of them", file.name, file.path)
			}
		}
		return ownTLSConfig(opts.TLSConfig, log)
	case opts.CertFile == "" && opts.KeyFile == "" && opts.ClientCAFile == "":
		return nil, nil
	case opts.CertFile == "" || opts.KeyFile == "":
		return nil, errorf("TLS needs both a CertFile and a KeyFile, which are %q and %q", opts.CertFile, opts.KeyFile)
	}
	return newCertificates(opts.CertFile, opts.KeyFile, opts.ClientCAFile, log, http2)
}

// ownTLSConfig returns a copy of a configuration that is not Ember's, if it makes sense.
func ownTLSConfig(given *tls.Config, log *slog.Logger) (*tls.Config, error) {
	if len(given.Certificates) == 0 && given.GetCertificate == nil && given.GetConfigForClient == nil {
		return nil, errorf("TLSConfig has no certificate: no Certificates, GetCertificate or GetConfigForClient")
	}
	config := given.Clone()
	config.NextProtos = slices.Clip(config.NextProtos) // package http appends to it
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if least, most := config.MinVersion, config.MaxVersion; most != 0 && most < least {
		return nil, errorf("TLSConfig allows no version: the least is %s, and the most %s", tls.VersionName(least), tls.VersionName(most))
	}
	if config.MinVersion < tls.VersionTLS12 {
		log.Warn("ember: the metrics server speaks versions of TLS that are not safe", "oldest", tls.VersionName(config.MinVersion))
	}
	return config, nil
}

// speaksHTTP2 reports whether connections may be of HTTP/2, which GODEBUG can switch off.
// Package http decides it before it serves.
func (s *server) speaksHTTP2() bool { return s.http.TLSNextProto["h2"] != nil }

// certificates are those of a server, as of its files.
type certificates struct {
	files *files
	now   atomic.Pointer[tls.Config] // for connections from now on
}

// newCertificates returns a configuration that heeds changes of the files with each
// handshake. The last file may be none.
func newCertificates(certFile, keyFile, clientCAFile string, log *slog.Logger, http2 func() bool) (*tls.Config, error) {
	c := &certificates{}
	load := func() error {
		cert, err := readPair(certFile, keyFile)
		if err != nil {
			return errorf("%s and %s: %w", certFile, keyFile, err)
		}
		config := &tls.Config{
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"h2", "http/1.1"},
			Certificates: []tls.Certificate{cert},
		}
		if clientCAFile != "" {
			if config.ClientCAs, err = readPool(clientCAFile); err != nil {
				return err
			}
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
		c.now.Store(config)
		return nil
	}
	paths := []string{certFile, keyFile}
	if clientCAFile != "" {
		paths = append(paths, clientCAFile)
	}
	var err error
	if c.files, err = newFiles(log, load, paths...); err != nil {
		return nil, err
	}
	config := c.now.Load().Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c.files.refresh()
		now := c.now.Load()
		if !http2() { // or a client would be promised it
			now = now.Clone()
			now.NextProtos = []string{"http/1.1"}
		}
		return now, nil
	}
	return config, nil
}

func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := readFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errorf("%s holds no certificate", file)
	}
	return pool, nil
}
