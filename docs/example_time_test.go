// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/embermetrics/ember"
)

func Example_time() {
	reg := ember.NewRegistry()

	duration := reg.NewHistogram(ember.HistogramOpts{
		Name:    "shop_checkout_duration_seconds",
		Help:    "Time to check out a cart.",
		Buckets: []float64{0.1, 0.3, 1.2, 5},
	})
	checkout := func() {
		defer duration.Start().Stop() // counts, panic or not
		// …
	}

	checkout()
	fmt.Println(duration.Count())
	// Output: 1
}

func Example_timeMeasured() {
	reg := ember.NewRegistry()
	duration := reg.NewHistogram(ember.HistogramOpts{
		Name:    "shop_checkout_duration_seconds",
		Help:    "Time to check out a cart.",
		Buckets: []float64{0.1, 0.3, 1.2, 5},
	})
	took := 250 * time.Millisecond

	duration.ObserveDuration(took)

	duration.ObserveDuration(1250 * time.Millisecond)
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_checkout_duration_seconds Time to check out a cart.
	// # TYPE shop_checkout_duration_seconds histogram
	// shop_checkout_duration_seconds_bucket{le="0.1"} 0
	// shop_checkout_duration_seconds_bucket{le="0.3"} 1
	// shop_checkout_duration_seconds_bucket{le="1.2"} 1
	// shop_checkout_duration_seconds_bucket{le="5"} 2
	// shop_checkout_duration_seconds_bucket{le="+Inf"} 2
	// shop_checkout_duration_seconds_sum 1.5
	// shop_checkout_duration_seconds_count 2
}

func Example_timeGoodCalls() {
	reg := ember.NewRegistry()
	duration := reg.NewHistogram(ember.HistogramOpts{Name: "shop_checkout_duration_seconds"})
	calls := []error{nil, context.Canceled}
	call := func() (err error) {
		err, calls = calls[0], calls[1:]
		return err
	}

	charge := func() error {
		t := duration.Start()
		defer t.Stop()
		err := call()
		if err != nil {
			t.Discard() // a call that nobody waited for says nothing of the bank
		}
		return err
	}

	fmt.Println(charge(), duration.Count())
	fmt.Println(charge(), duration.Count())
	// Output:
	// <nil> 1
	// context canceled 1
}

func Example_timeOutcomes() {
	reg := ember.NewRegistry()
	calls := []error{nil, errDeclined}
	call := func() (err error) {
		err, calls = calls[0], calls[1:]
		return err
	}

	duration := reg.NewHistogramVec(ember.HistogramOpts{
		Name:    "shop_bank_call_duration_seconds",
		Help:    "Time until the bank answers.",
		Buckets: []float64{0.1, 0.3, 1.2, 5},
	}, "outcome")
	charge := func() error {
		start := time.Now()
		err := call()
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		duration.With(outcome).ObserveDuration(time.Since(start))
		return err
	}

	charge()
	charge()
	fmt.Println(duration.With("ok").Count(), duration.With("failed").Count())
	// Output: 1 1
}

func Example_timeNative() {
	reg := ember.NewRegistry()

	duration := reg.NewHistogram(ember.HistogramOpts{
		Name:   "shop_search_duration_seconds",
		Help:   "Time to answer a search.",
		Native: &ember.NativeOpts{},
	})

	duration.ObserveDuration(250 * time.Millisecond)
	duration.ObserveDuration(1250 * time.Millisecond)
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_search_duration_seconds Time to answer a search.
	// # TYPE shop_search_duration_seconds histogram
	// shop_search_duration_seconds_bucket{le="+Inf"} 2
	// shop_search_duration_seconds_sum 1.5
	// shop_search_duration_seconds_count 2
}

func Example_timeBoth() {
	reg := ember.NewRegistry()

	duration := reg.NewHistogram(ember.HistogramOpts{
		Name:    "shop_checkout_duration_seconds",
		Help:    "Time to check out a cart.",
		Buckets: []float64{0.1, 0.3, 1.2, 5}, // until nobody asks for them any more
		Native:  &ember.NativeOpts{},
	})

	duration.ObserveDuration(250 * time.Millisecond)
	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	p := families[0].Points[0]
	fmt.Println(len(p.Buckets), "classic buckets,", len(p.Native.Positive), "native one")
	// Output: 4 classic buckets, 1 native one
}

func Example_timeSizes() {
	reg := ember.NewRegistry()

	size := reg.NewHistogram(ember.HistogramOpts{
		Name:    "shop_upload_size_bytes",
		Help:    "Size of a picture that was uploaded.",
		Buckets: ember.ExponentialBuckets(1<<10, 16, 4), // 1 KiB to 4 MiB
	})
	size.Observe(300_000)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_upload_size_bytes Size of a picture that was uploaded.
	// # TYPE shop_upload_size_bytes histogram
	// shop_upload_size_bytes_bucket{le="1024"} 0
	// shop_upload_size_bytes_bucket{le="16384"} 0
	// shop_upload_size_bytes_bucket{le="262144"} 0
	// shop_upload_size_bytes_bucket{le="4.194304e+06"} 1
	// shop_upload_size_bytes_bucket{le="+Inf"} 1
	// shop_upload_size_bytes_sum 300000
	// shop_upload_size_bytes_count 1
}

func Example_timeSeries() {
	reg := ember.NewRegistry()
	duration := reg.NewHistogramVec(ember.HistogramOpts{Name: "shop_request_duration_seconds"}, "route", "status")
	for route := range 50 {
		for _, status := range []string{"200", "400", "404", "500", "503"} {
			duration.With(fmt.Sprint("/", route), status)
		}
	}

	report, err := reg.Cardinality()
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Series, "histograms,", report.Samples, "series in Prometheus")
	// Output: 250 histograms, 3500 series in Prometheus
}
