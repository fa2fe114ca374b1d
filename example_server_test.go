// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"github.com/embermetrics/ember"
)

func ExampleListenAndServe() {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."}).Inc()

	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- ember.ListenAndServe(ctx, "127.0.0.1:0", ember.ServerOpts{
			Gatherer:  reg,
			Listening: func(a net.Addr) { listening <- a },
			Logger:    slog.New(slog.DiscardHandler), // instead of the usual one
		})
	}()
	resp, err := http.Get(fmt.Sprintf("http://%v/metrics", <-listening))
	if err != nil {
		log.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Print(string(text))

	cancel() // as at the end of the program
	fmt.Println(<-ended)
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// # HELP jobs_total Jobs finished.
	// # TYPE jobs_total counter
	// jobs_total 1
	// <nil>
}

func ExampleListenAndServe_tokens() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // so that this example ends

	go func() {
		err := ember.ListenAndServe(ctx, "127.0.0.1:9100-9110", ember.ServerOpts{
			TokensFile: "/etc/shop/scrapers",
		})
		if err != nil {
			log.Print(err)
		}
	}()
}

func ExampleServerOpts() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // so that this example ends

	// With TLS in both directions, from two networks alone.
	err := ember.ListenAndServe(ctx, ":9100", ember.ServerOpts{
		CertFile:     "/etc/shop/tls.crt",
		KeyFile:      "/etc/shop/tls.key",
		ClientCAFile: "/etc/shop/scrapers.crt",
		Allow: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("127.0.0.0/8"),
		},
		Handler: ember.HandlerOpts{OnError: ember.Fail},
	})
	fmt.Println(err)
	// Output:
	// <nil>
}
