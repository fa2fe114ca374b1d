// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember"
)

// curl prints those lines of a scrape that have a word in them.
func curl(h http.Handler, path, word string) {
	scrape := httptest.NewRecorder()
	h.ServeHTTP(scrape, httptest.NewRequest("GET", path, nil))
	for line := range strings.Lines(scrape.Body.String()) {
		if strings.Contains(line, word) {
			fmt.Print(line)
		}
	}
}

func Example_countOrders() {
	mux := http.NewServeMux()
	orders := ember.Default().NewCounter(ember.CounterOpts{
		Name: "shop_orders_total",
		Help: "Orders taken.",
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		orders.Inc()
		w.WriteHeader(http.StatusCreated)
	})
	mux.Handle("GET /metrics", ember.Handler())

	defer ember.Unregister(orders)
	for range 2 {
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/orders", nil))
	}
	curl(mux, "/metrics", "shop_")
	// Output:
	// # HELP shop_orders_total Orders taken.
	// # TYPE shop_orders_total counter
	// shop_orders_total 2
}

// errDeclined is what a bank says.
var errDeclined = errors.New("declined")

func Example_countOutcomes() {
	reg := ember.NewRegistry()
	cards := []error{nil, nil, errDeclined}
	charge := func() (err error) {
		err, cards = cards[0], cards[1:]
		return err
	}

	payments := reg.NewCounterVec(ember.CounterOpts{
		Name: "shop_payments_total",
		Help: "Payments, by how they ended.",
	}, "outcome")
	for _, outcome := range []string{"paid", "declined", "failed"} {
		payments.With(outcome) // is there from the start, as zero
	}
	pay := func() error {
		err := charge()
		switch {
		case err == nil:
			payments.With("paid").Inc()
		case errors.Is(err, errDeclined):
			payments.With("declined").Inc()
		default:
			payments.With("failed").Inc()
		}
		return err
	}

	for range 3 {
		pay()
	}
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_payments_total Payments, by how they ended.
	// # TYPE shop_payments_total counter
	// shop_payments_total{outcome="declined"} 1
	// shop_payments_total{outcome="failed"} 0
	// shop_payments_total{outcome="paid"} 2
}

func Example_countBytes() {
	reg := ember.NewRegistry()
	invoice := make([]byte, 1500)

	sent := reg.NewCounter(ember.CounterOpts{
		Name: "shop_mail_sent_bytes_total",
		Help: "Bytes of mail sent.",
	})
	sent.Add(float64(len(invoice)))

	sent.Add(-3)
	sent.Add(math.NaN())
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
	// # TYPE ember_invalid_updates_total counter
	// ember_invalid_updates_total{reason="nan"} 1
	// ember_invalid_updates_total{reason="negative"} 1
	// # HELP shop_mail_sent_bytes_total Bytes of mail sent.
	// # TYPE shop_mail_sent_bytes_total counter
	// shop_mail_sent_bytes_total 1500
}

func Example_countInFlight() {
	reg := ember.NewRegistry()

	inFlight := reg.NewGauge(ember.GaugeOpts{
		Name: "shop_checkouts_in_flight",
		Help: "Checkouts in progress.",
	})
	checkout := func(work func()) {
		defer inFlight.Track()()
		work()
	}

	checkout(func() { ember.WriteText(os.Stdout, reg) })
	// Output:
	// # HELP shop_checkouts_in_flight Checkouts in progress.
	// # TYPE shop_checkouts_in_flight gauge
	// shop_checkouts_in_flight 1
}

func Example_countWhen() {
	reg := ember.NewRegistry()

	imported := reg.NewGauge(ember.GaugeOpts{
		Name: "shop_import_success_timestamp_seconds",
		Help: "When prices were last imported, as Unix time.",
	})
	imported.SetToCurrentTime() // at the end of an import that went well

	fmt.Println(time.Since(time.Unix(int64(imported.Value()), 0)) < time.Hour)
	imported.Set(float64(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()))
	ember.WriteText(os.Stdout, reg)
	// Output:
	// true
	// # HELP shop_import_success_timestamp_seconds When prices were last imported, as Unix time.
	// # TYPE shop_import_success_timestamp_seconds gauge
	// shop_import_success_timestamp_seconds 1.7672256e+09
}

// pageCache stands for a library that keeps numbers of its own.
type pageCache struct{ hits atomic.Int64 }

func Example_countElsewhere() {
	reg := ember.NewRegistry()
	mail := make(chan string, 10)
	var cache pageCache

	reg.NewGaugeFunc(ember.GaugeOpts{
		Name: "shop_mail_queue_length",
		Help: "Mails that wait to be sent.",
	}, func() float64 { return float64(len(mail)) })
	reg.NewCounterFunc(ember.CounterOpts{
		Name: "shop_page_cache_hits_total",
		Help: "Pages found in the cache.",
	}, func() float64 { return float64(cache.hits.Load()) })

	mail <- "invoice"
	cache.hits.Add(42)
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_mail_queue_length Mails that wait to be sent.
	// # TYPE shop_mail_queue_length gauge
	// shop_mail_queue_length 1
	// # HELP shop_page_cache_hits_total Pages found in the cache.
	// # TYPE shop_page_cache_hits_total counter
	// shop_page_cache_hits_total 42
}
