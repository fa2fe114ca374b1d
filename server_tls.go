// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync/atomic"
)

// certificates are those of a server, as of its files.
type certificates struct {
	files *files
	now   atomic.Pointer[tls.Config] // for connections from now on
}

// newCertificates returns a configuration that heeds changes of the files with each
// handshake. The last file may be none.
func newCertificates(certFile, keyFile, clientCAFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificates{}
	load := func() error {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
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
		return c.now.Load(), nil
	}
	return config, nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errorf("%s holds no certificate", file)
	}
	return pool, nil
}
