// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// pair returns a certificate that a signed.
func (a *authority) pair(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, name)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	require.NoError(t, err)
	return &pair
}

// Certificates may come from a function, new ones for new connections. Whose the
// configuration is finds it unchanged, and changes nothing by it.
func TestServerTLSConfig(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(ca.pair(t, "first"))
	protos := make([]string, 1, 8)
	protos[0] = "http/1.1"
	config := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil },
		NextProtos:     protos,
	}
	for name, tc := range map[string]struct {
		protos []string
		want   string
	}{
		"as it is":       {nil, "HTTP/2.0"},
		"with protocols": {[]string{"h2", "http/1.1", "acme-tls/1"}, "HTTP/2.0"},
		"its own first":  {protos, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			config := config.Clone()
			config.NextProtos = tc.protos
			now.Store(ca.pair(t, "first"))
			s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{TLSConfig: config})
			require.Equal(t, "level=INFO msg=\"ember: metrics are served\" address="+s.addr+" tls=true\n", s.log.String())
			certificate, proto := served(t, ca.client(t, nil), s.addr)
			require.Equal(t, []string{"first", tc.want}, []string{certificate, proto})
			require.Equal(t, tc.protos, config.NextProtos)
			require.Zero(t, config.MinVersion)

			config.GetCertificate = nil
			now.Store(ca.pair(t, "second"))
			certificate, _ = served(t, ca.client(t, nil), s.addr)
			require.Equal(t, "second", certificate)

			_, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: ca.pool(), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
			require.ErrorContains(t, err, "protocol version not supported")
		})
	}
	require.Equal(t, make([]string, 7), protos[1:8], "nor does the memory behind it change")
}

// Who a client is may be decided by a function, as SPIFFE does.
func TestServerTLSConfigOfClients(t *testing.T) {
	t.Parallel()
	ca, clients, others := newAuthority(t), newAuthority(t), newAuthority(t)
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{*ca.pair(t, "server")},
		ClientAuth:   tls.RequireAnyClientCert,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			cert, err := x509.ParseCertificate(raw[0])
			if err == nil && cert.CheckSignatureFrom(clients.cert) != nil {
				err = errors.New("not one of ours")
			}
			return err
		},
	}})
	_, proto := served(t, ca.client(t, clients), s.addr)
	require.Equal(t, "HTTP/2.0", proto)
	for by, want := range map[*authority]string{nil: "client didn't provide a certificate", others: "not one of ours"} {
		resp, err := ca.client(t, by).Get("https://" + s.addr + "/-/healthy")
		if err == nil {
			resp.Body.Close()
		}
		require.Error(t, err)
		require.Eventually(t, func() bool { return strings.Contains(s.log.String(), want) }, 20*time.Second, time.Millisecond, want)
	}
}

// The oldest version is what the configuration says, and TLS 1.2 if it says nothing. Older
// ones are warned of.
func TestServerTLSConfigVersions(t *testing.T) {
	ca := newAuthority(t)
	for name, tc := range map[string]struct {
		least  uint16
		oldest uint16
		warns  bool
	}{
		"unless told": {0, tls.VersionTLS12, false},
		"newer":       {tls.VersionTLS13, tls.VersionTLS13, false},
		"older":       {tls.VersionTLS11, tls.VersionTLS11, true},
		"the oldest":  {tls.VersionTLS10, tls.VersionTLS10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GODEBUG", "tls10server=1") // what the package's default is then
			s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{TLSConfig: &tls.Config{
				Certificates: []tls.Certificate{*ca.pair(t, "server")}, MinVersion: tc.least,
			}})
			for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
				conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: ca.pool(), MinVersion: version, MaxVersion: version})
				if version < tc.oldest {
					require.ErrorContains(t, err, "protocol version not supported", tls.VersionName(version))
					continue
				}
				require.NoError(t, err, tls.VersionName(version))
				require.NoError(t, conn.Close())
			}
			warning := "level=WARN msg=\"ember: the metrics server speaks versions of TLS that are not safe\" oldest=\"" + tls.VersionName(tc.oldest) + "\"\n"
			require.Equal(t, tc.warns, strings.Contains(s.log.String(), warning), s.log.String())
		})
	}
}

func TestServerRefusesTLSConfig(t *testing.T) {
	pair := *newAuthority(t).pair(t, "server")
	for name, tc := range map[string]struct {
		opts ember.ServerOpts
		want string
	}{
		"a certificate twice":   {ember.ServerOpts{CertFile: "a.pem", KeyFile: "key.pem", TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}, `TLSConfig and the CertFile "a.pem" contradict each other: give one of them`},
		"a key":                 {ember.ServerOpts{KeyFile: "key.pem", TLSConfig: &tls.Config{}}, `TLSConfig and the KeyFile "key.pem" contradict each other: give one of them`},
		"clients' certificates": {ember.ServerOpts{ClientCAFile: "ca.pem", TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}, `TLSConfig and the ClientCAFile "ca.pem" contradict each other: give one of them`},
		"no certificate":        {ember.ServerOpts{TLSConfig: &tls.Config{}}, `TLSConfig has no certificate: no Certificates, GetCertificate or GetConfigForClient`},
		"no version":            {ember.ServerOpts{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}}, `TLSConfig allows no version: the least is TLS 1.3, and the most TLS 1.2`},
		"only old versions":     {ember.ServerOpts{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS11}}, `TLSConfig allows no version: the least is TLS 1.2, and the most TLS 1.1`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Gatherer = oneGauge()
			tc.opts.Listening = func(net.Addr) { t.Error("it listens") }
			require.EqualError(t, ember.ListenAndServe(t.Context(), "127.0.0.1:0", tc.opts), `ember: server "127.0.0.1:0": `+tc.want)
		})
	}
	t.Run("what HTTP/2 cannot use", func(t *testing.T) {
		addr := ""
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		log := &logged{}
		require.ErrorContains(t, ember.ListenAndServe(ctx, "127.0.0.1:0", ember.ServerOpts{
			Gatherer: oneGauge(), Logger: log.logger(), Listening: func(a net.Addr) { addr = a.String() },
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		}), `ember: server "127.0.0.1:0": http2: TLSConfig.CipherSuites is missing an HTTP/2-required `)
		_, err := net.Dial("tcp", addr)
		require.Error(t, err, "the port is free")
	})
}
