// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// sign returns a certificate for 127.0.0.1 with its key, as PEM.
func (a *authority) sign(t *testing.T, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, k.Public(), a.key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

// withTLS returns options with a certificate that a signed, in files of the test.
func withTLS(t *testing.T, a *authority) ember.ServerOpts {
	t.Helper()
	dir := t.TempDir()
	opts := ember.ServerOpts{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	cert, key := a.sign(t, "server")
	writeFile(t, opts.CertFile, cert)
	writeFile(t, opts.KeyFile, key)
	return opts
}

// client returns a client that trusts a, and has a certificate that by signs, if there is
// one, and then may resume sessions. Each of its requests has a connection of its own.
func (a *authority) client(t *testing.T, by *authority) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: a.pool()}
	if by != nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
		c, k := by.sign(t, "client")
		pair, err := tls.X509KeyPair([]byte(c), []byte(k))
		require.NoError(t, err)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// served returns the name in the certificate that the server shows, and the protocol.
func served(t *testing.T, c *http.Client, addr string) (name, proto string) {
	t.Helper()
	resp, body := ask(t, c, "GET", "https://"+addr+"/metrics")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "# TYPE x gauge\nx 5\n", body)
	return resp.TLS.PeerCertificates[0].Subject.CommonName, resp.Proto
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	dir, ca := t.TempDir(), newAuthority(t)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(name string) {
		cert, key := ca.sign(t, name)
		writeFile(t, certFile, cert)
		writeFile(t, keyFile, key)
	}
	write("first")
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{CertFile: certFile, KeyFile: keyFile})
	require.Equal(t, "level=INFO msg=\"ember: metrics are served\" address="+s.addr+" tls=true\n", s.log.String())

	c := ca.client(t, nil)
	name, proto := served(t, c, s.addr)
	require.Equal(t, []string{"first", "HTTP/2.0"}, []string{name, proto})
	old := ca.client(t, nil)
	old.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	_, proto = served(t, old, s.addr)
	require.Equal(t, "HTTP/1.1", proto)

	resp, body := ask(t, client(t), "GET", "http://"+s.addr+"/metrics")
	require.Equal(t, 400, resp.StatusCode, "and no metrics without TLS: %s", body)
	_, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: ca.pool(), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	require.ErrorContains(t, err, "protocol version not supported")
	_, err = newAuthority(t).client(t, nil).Get("https://" + s.addr + "/metrics")
	require.ErrorContains(t, err, "certificate signed by unknown authority")

	write("second")
	require.Eventually(t, func() bool { name, _ := served(t, c, s.addr); return name == "second" }, 10*time.Second, 50*time.Millisecond)
	require.Contains(t, s.log.String(), "level=INFO msg=\"ember: changed files are used\" files=\"["+certFile+" "+keyFile+"]\"\n")

	// A broken one is said once, however many handshakes there are.
	writeFile(t, certFile, "-----BEGIN CERTIFICATE-----\n")
	broken := "level=ERROR msg=\"ember: changed files cannot be used; what was read before stays\" files=\"[" + certFile + " " + keyFile + "]\" error=\"" + certFile + " and " + keyFile + ": tls: failed to find any PEM data in certificate input\"\n"
	require.Eventually(t, func() bool {
		name, _ := served(t, c, s.addr)
		require.Equal(t, "second", name)
		return strings.Contains(s.log.String(), broken)
	}, 10*time.Second, 50*time.Millisecond)
	write("third")
	require.Eventually(t, func() bool { name, _ := served(t, c, s.addr); return name == "third" }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, strings.Count(s.log.String(), broken))

	// Of a pair, one file is new before the other is.
	cert, key := ca.sign(t, "fourth")
	writeFile(t, certFile, cert)
	require.Eventually(t, func() bool {
		name, _ := served(t, c, s.addr)
		require.Equal(t, "third", name)
		return strings.Contains(s.log.String(), "private key does not match public key")
	}, 20*time.Second, 50*time.Millisecond)
	writeFile(t, keyFile, key)
	require.Eventually(t, func() bool { name, _ := served(t, c, s.addr); return name == "fourth" }, 20*time.Second, 50*time.Millisecond)
}

// Editors that put a mark at the head of a file make no certificate invisible.
func TestServerTLSFilesWithMark(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	opts := withTLS(t, ca)
	opts.ClientCAFile = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, opts.ClientCAFile, ca.pem()+newAuthority(t).pem())
	for _, path := range []string{opts.CertFile, opts.KeyFile, opts.ClientCAFile} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		writeFile(t, path, "\ufeff"+strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	s := serveMetrics(t, "127.0.0.1:0", opts)
	served(t, ca.client(t, ca), s.addr)
}

// HTTP/2 can be switched off, as for all servers of a program.
func TestServerTLSWithoutHTTP2(t *testing.T) {
	t.Setenv("GODEBUG", "http2server=0")
	ca := newAuthority(t)
	s := serveMetrics(t, "127.0.0.1:0", withTLS(t, ca))
	_, proto := served(t, ca.client(t, nil), s.addr)
	require.Equal(t, "HTTP/1.1", proto)
}

func TestServerMutualTLS(t *testing.T) {
	t.Parallel()
	dir, ca, next, other := t.TempDir(), newAuthority(t), newAuthority(t), newAuthority(t)
	certFile, keyFile, caFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	cert, key := ca.sign(t, "server")
	writeFile(t, certFile, cert)
	writeFile(t, keyFile, key)
	writeFile(t, caFile, ca.pem())
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{CertFile: certFile, KeyFile: keyFile, ClientCAFile: caFile})

	refused := func(c *http.Client, path, want string) {
		t.Helper()
		before := len(s.log.String())
		resp, err := c.Get("https://" + s.addr + path)
		if err == nil {
			resp.Body.Close()
		}
		// In TLS 1.3 a client may learn why only after it thinks to be connected.
		require.Error(t, err)
		require.Eventually(t, func() bool { return strings.Contains(s.log.String()[before:], want) }, 5*time.Second, time.Millisecond, want)
	}
	mine := ca.client(t, ca)
	_, proto := served(t, mine, s.addr)
	require.Equal(t, "HTTP/2.0", proto)
	refused(ca.client(t, nil), "/metrics", "tls: client didn't provide a certificate")
	refused(ca.client(t, nil), "/-/healthy", "tls: client didn't provide a certificate")
	refused(ca.client(t, other), "/metrics", "tls: failed to verify certificate: x509: certificate signed by unknown authority")

	resp, _ := ask(t, mine, "GET", "https://"+s.addr+"/metrics")
	require.True(t, resp.TLS.DidResume)

	// Once another authority is trusted, who was is not, with a session to resume neither.
	writeFile(t, caFile, next.pem())
	theirs := ca.client(t, next)
	require.Eventually(t, func() bool {
		resp, err := theirs.Get("https://" + s.addr + "/metrics")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	refused(mine, "/metrics", "tls: failed to verify certificate: x509: certificate signed by unknown authority")

	writeFile(t, caFile, "nothing\n")
	require.Eventually(t, func() bool {
		served(t, theirs, s.addr)
		return strings.Contains(s.log.String(), "error=\""+caFile+" holds no certificate\"\n")
	}, 10*time.Second, 50*time.Millisecond)
	require.EqualError(t, ember.ListenAndServe(t.Context(), "127.0.0.1:0", ember.ServerOpts{CertFile: certFile, KeyFile: keyFile, ClientCAFile: caFile}),
		`ember: server "127.0.0.1:0": `+caFile+" holds no certificate")
}

// A client that connects and does not go on with the handshake is cut off, too.
func TestServerCutsOffSlowHandshakes(t *testing.T) {
	t.Parallel()
	opts := withTLS(t, newAuthority(t))
	opts.ReadHeaderTimeout = 200 * time.Millisecond
	s := serveMetrics(t, "127.0.0.1:0", opts)
	after, answer := cutOff(t, s.addr, "\x16\x03\x01\x02\x00"+strings.Repeat("\x01", 400))
	require.Empty(t, answer)
	require.Less(t, after, 3*time.Second)
	require.Contains(t, s.log.String(), "level=WARN msg=\"http: TLS handshake error from ")
}

// Who looks whether the port is open, as probes and scanners do, is nothing to warn of. Who
// speaks something else than TLS, is.
func TestServerComplaints(t *testing.T) {
	t.Parallel()
	s := serveMetrics(t, "127.0.0.1:0", withTLS(t, newAuthority(t)))
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	resp, _ := ask(t, client(t), "GET", "http://"+s.addr+"/metrics")
	require.Equal(t, 400, resp.StatusCode)
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), "client sent an HTTP request to an HTTPS server") }, 20*time.Second, time.Millisecond)
	require.Contains(t, s.log.String(), "level=WARN msg=\"http: TLS handshake error from 127.0.0.1:")
	require.NoError(t, s.stop())
	require.NotContains(t, s.log.String(), "EOF")
}

// huge is a collector of more than any buffer on the way takes.
type huge struct{}

func (huge) Collect(_ context.Context, out *metric.Sink) error {
	for i := range 64 {
		out.Gauge("huge", "", 1, metric.Label{Name: "of", Value: strings.Repeat("x", 1<<18) + strconv.Itoa(i)})
	}
	return nil
}

// deaf is a connection of which nothing is read once it is stopped.
type deaf struct {
	net.Conn
	stopped atomic.Bool
	ended   chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	if d.stopped.Load() {
		<-d.ended
		return 0, io.EOF
	}
	return d.Conn.Read(p)
}

// A client that asks and does not read the answer loses its connection, and so its place
// among the scrapes in flight.
func TestServerCutsOffSlowReaders(t *testing.T) {
	for name, secure := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, ca := ember.NewRegistry(), newAuthority(t)
			reg.MustRegister(huge{})
			opts, scheme := ember.ServerOpts{}, "http://"
			if secure {
				opts, scheme = withTLS(t, ca), "https://"
			}
			opts.Gatherer = reg
			opts.Handler = ember.HandlerOpts{MaxInFlight: 1, DisableCompression: true}
			opts.WriteTimeout = 2 * time.Second
			s := serveMetrics(t, "127.0.0.1:0", opts)

			d := &deaf{ended: make(chan struct{})}
			defer close(d.ended)
			stalled := ca.client(t, nil)
			transport := stalled.Transport.(*http.Transport)
			transport.DisableKeepAlives = false
			transport.DialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
				conn, err := net.Dial(network, addr)
				d.Conn = conn
				return d, err
			}
			resp, _ := ask(t, stalled, "GET", scheme+s.addr+"/-/healthy")
			require.Equal(t, name, resp.Proto)
			d.stopped.Store(true)
			go func() {
				r, err := stalled.Get(scheme + s.addr + "/metrics")
				<-d.ended
				if err == nil {
					r.Body.Close()
				}
			}()
			other := ca.client(t, nil)
			status := func() int {
				resp, err := other.Get(scheme + s.addr + "/metrics")
				require.NoError(t, err)
				resp.Body.Close()
				return resp.StatusCode
			}
			require.Eventually(t, func() bool { return status() == 503 }, 20*time.Second, 10*time.Millisecond, "it does not wait")
			require.Eventually(t, func() bool { return status() == 200 }, 30*time.Second, 50*time.Millisecond, "it waits for ever")
		})
	}
}
