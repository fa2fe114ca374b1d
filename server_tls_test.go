// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
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
	dir, ca := t.TempDir(), newAuthority(t)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := ca.sign(t, "server")
	writeFile(t, certFile, cert)
	writeFile(t, keyFile, key)
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{CertFile: certFile, KeyFile: keyFile, ReadHeaderTimeout: 200 * time.Millisecond})
	after, answer := cutOff(t, s.addr, "\x16\x03\x01\x02\x00"+strings.Repeat("\x01", 400))
	require.Empty(t, answer)
	require.Less(t, after, 3*time.Second)
	require.Contains(t, s.log.String(), "level=WARN msg=\"http: TLS handshake error from ")
}
