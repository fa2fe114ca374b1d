// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkServe scrapes 10,000 mixed series in the text format from end to end: a client
// and a server, one connection over the loopback interface that is kept alive, and every
// byte of the answer read, but not decompressed.
func BenchmarkServe(b *testing.B) {
	for _, encoding := range []string{"identity", "gzip"} {
		for _, l := range []library{emberLib, clientLib, otelLib} {
			b.Run(fmt.Sprintf("set=mixed/encoding=%s/impl=%s", encoding, l), serving(l, encoding))
		}
	}
}

func serving(l library, encoding string) func(*testing.B) {
	var h http.Handler
	return func(b *testing.B) {
		if h == nil {
			s := l.service()
			mixedSet(s)
			h = s.handler(encoding == "gzip")
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := &http.Server{Handler: h}
		go server.Serve(listener)
		defer server.Close()
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		defer client.CloseIdleConnections()
		request, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+"/metrics", nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Accept", textFormat.accept)
		request.Header.Set("Accept-Encoding", encoding)
		scrape := func() {
			response, err := client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK || !textFormat.answers(response.Header, encoding == "gzip") {
				b.Fatalf("%s, %v, error %v", response.Status, response.Header, err)
			}
		}
		scrape() // connects
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			scrape()
		}
	}
}
