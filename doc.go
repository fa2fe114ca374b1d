// SPDX-License-Identifier: Apache-2.0

// Package ember counts and times what a service does, and lets Prometheus scrape
// it.
//
// A program creates instruments in a registry, updates them, and exposes the
// registry:
//
//	reg := ember.NewRegistry()
//	jobs := reg.NewCounter(ember.CounterOpts{
//		Name: "jobs_total",
//		Help: "Jobs finished.",
//	})
//	jobs.Inc()
//	jobs.Inc()
//	ember.WriteText(os.Stdout, reg)
//
// This prints what Prometheus reads:
//
//	# HELP jobs_total Jobs finished.
//	# TYPE jobs_total counter
//	jobs_total 2
//
// A service uses the registry of the process, [Default], in which metrics of the
// Go runtime, of the process and of its build are registered already, and serves
// it:
//
//	requests := ember.NewCounter(ember.CounterOpts{
//		Name: "http_requests_total",
//		Help: "HTTP requests served.",
//	})
//	ember.MustRegister(requests)
//	http.Handle("GET /metrics", ember.Handler())
//
// # Instruments
//
//   - A [Counter] is a total that only grows. From it Prometheus computes rates.
//   - A [Gauge] is a value that goes up and down.
//   - A [Histogram] counts observations, such as latencies, in buckets, from
//     which Prometheus estimates quantiles, over many processes if need be.
//   - A [Summary] sums and counts observations. If asked, it also estimates
//     quantiles in the process itself; those of several targets cannot be
//     combined.
//   - An [Info] says something in labels, such as a version.
//   - A [StateSet] says which of some states are on.
//
// A function like [NewCounter] returns an instrument that works at once, and is
// exposed once it is registered. A method like [Registry.NewCounter] does both,
// and returns the same instrument when it is asked for the same definition again.
//
// Histograms and summaries time code, also when it panics, in seconds:
//
//	defer latency.Start().Stop()
//
// A gauge tracks what is in progress:
//
//	defer inFlight.Track()()
//
// # Labels
//
// A vector is a family of instruments of one name that differ in the values of
// labels:
//
//	requests := reg.NewCounterVec(ember.CounterOpts{
//		Name: "http_requests_total",
//		Help: "HTTP requests served.",
//	}, "method", "status")
//	requests.With("GET", "200").Inc()
//
// With takes the values in the order in which the labels were declared, and
// creates the series at its first use. A series stays until it is deleted or idle, so
// label values should come from a small set: a route's pattern, not the path that
// a client chose.
//
// What slips through is bounded. A vector has at most 100,000 series, or MaxSeries,
// or what [WithMaxSeries] says; whatever comes after that is counted in one series
// whose label values are all "other", so that totals stay true, and
// ember_series_overflow_total and one line in the log say so. A budget for one label
// keeps the others useful:
//
//	requests := reg.NewCounterVec(ember.CounterOpts{
//		Name:         "http_requests_total",
//		Help:         "HTTP requests served.",
//		LabelBudgets: map[string]int{"path": 100, "method": 10},
//		KnownValues:  map[string][]string{"path": {"/", "/login"}},
//		Normalize:    map[string]func(string) string{"method": strings.ToUpper},
//	}, "method", "path")
//
// Known values have a place whatever comes first. Normalize makes one value of several.
// None of this costs a series that is there anything.
//
// Series of what comes and goes, such as tenants or peers, can go with it: those that
// nobody has updated for long are dropped at a scrape. Whoever still holds the counter of
// one may update it at any time, and the series is there again:
//
//	sent := reg.NewCounterVec(ember.CounterOpts{
//		Name:      "sent_bytes_total",
//		Help:      "Bytes sent to a peer.",
//		IdleAfter: time.Hour,
//	}, "peer")
//
// A series that nobody has counted on yet is not exposed. Calling With once at
// the start exposes it as zero, so that a rate does not miss its first step.
//
// # Labels of a struct
//
// The fields of a struct can be the labels, so that nobody forgets one or mixes two up:
//
//	type Route struct {
//		Method string
//		Path   string `label:"route"`
//		Status int
//		Cached bool
//	}
//
// A field is a string, a bool, an integer, or of a type with a String method, as
// [NewCounterVecOf] explains. A vector of such structs is like any other, but for the
// values that its methods take:
//
//	served := ember.CounterVecOfIn[Route](reg, ember.CounterOpts{
//		Name: "http_requests_total",
//		Help: "HTTP requests served.",
//	})
//	served.With(Route{Method: "GET", Path: "/users/{id}", Status: 200}).Inc()
//
// [NewCounterVecOf] is its counterpart that does not register. Whoever asks the registry
// for the same vector with names instead gets the same series. [CurryCounterVec] splits
// the struct in two: the labels that are known already, and the rest.
//
// # Native histograms
//
// The buckets of a native histogram need no choice: they are exponential, as many as
// the observations need, and far finer than anybody would list them.
//
//	latency := reg.NewHistogram(ember.HistogramOpts{
//		Name:   "rpc_duration_seconds",
//		Help:   "Time to answer a call.",
//		Native: &ember.NativeOpts{},
//	})
//
// Prometheus has to ask for protobuf to get them, which it does if it is told to
// scrape native histograms. With Buckets as well, the histogram serves everybody while
// dashboards and alerts move from the one kind to the other.
//
// # Exemplars
//
// An exemplar leads from a number to one event behind it, by the id of its trace:
//
//	latency.ObserveWithExemplar(seconds, ember.Labels{"trace_id": id})
//
// A registry that is told once how to find a trace in a context spares repeating that
// wherever something is counted:
//
//	ember.Default().Configure(ember.WithExemplarSource(currentTrace))
//
//	latency.ObserveContext(ctx, seconds)
//
// A Timer does the same with StopContext.
//
// # Reading values in tests
//
// Instruments can be read, and a registry that a test made for itself shares
// nothing with other tests:
//
//	got := requests.With("GET", "200").Value()
//
// Lookup does the same without creating a series, All visits every series of a
// vector, [WriteText] gives the whole as text, and [Registry.Gather] as data. The
// time is read with package time, so a bubble of testing/synctest fakes it. Package
// embertest reads values by name and labels, compares all that is exposed with a text,
// checks names, units and labels by the habits of Prometheus' users, and finds labels
// whose values have no bounds.
//
// # Scraping
//
// [Handler] exposes the default registry, [HandlerFor] any [Gatherer], with
// [HandlerOpts]. The scraper chooses among the text formats, OpenMetrics and protobuf,
// and among the ways to write names that not every reader knows; curl gets text. For
// anything but HTTP there is [Write]:
//
//	ember.Write(os.Stdout, reg, ember.FormatOpenMetrics)
//
// A query such as ?name[]=http_requests_total asks for that family alone, and spares
// collecting others.
//
// [ListenAndServe] serves metrics at an address of their own, apart from the service, with
// TLS, users or tokens if need be. Of a range of ports it takes the first free one:
//
//	go func() {
//		err := ember.ListenAndServe(ctx, "127.0.0.1:9100-9110", ember.ServerOpts{
//			TokensFile: "/etc/shop/scrapers",
//		})
//		if err != nil {
//			log.Print(err)
//		}
//	}()
//
// A collector that fails, panics or is too late for the scraper's
// deadline costs its own series, not the scrape; ember_collector_errors_total and
// the log say so. The order of families and series is always the same.
//
// # Values that live elsewhere
//
// A function can be a gauge or a counter, called at each scrape:
//
//	reg.NewGaugeFunc(ember.GaugeOpts{
//		Name: "queue_length",
//		Help: "Jobs waiting.",
//	}, func() float64 { return float64(len(queue)) })
//
// A [Collector] writes any number of series at each scrape. It needs only package
// metric.
//
// # Several registries
//
// [Registry.Sub] is a view of a registry that puts a prefix before the names of
// what is registered through it, and labels on the series: for a package that
// should not know how its metrics are called. [Gatherers] exposes several
// registries as one.
//
// # Many processes
//
// A prefork server, workers that are restarted and jobs of the command line can be scraped
// as one. Each process opens the same directory, and any of them answers for all, those
// that have ended included:
//
//	dir, err := multiproc.Open("/dev/shm/my-service")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer dir.Close()
//	ember.Default().Configure(ember.WithMultiproc(dir))
//
// Counters, histograms and summaries are added up; the Mode of a gauge says what becomes
// of its values. Updates cost what they cost otherwise, and what was counted outlives the
// process. Package multiproc and docs/multiproc.md say more.
//
// # What operators may change
//
// Who runs a service may want fewer labels than who wrote it, or other buckets. Rules change
// what is exposed, and nothing in the code:
//
//	[
//	  {"metric": "http_requests_total", "drop_labels": ["path"], "rename_labels": {"status": "code"}},
//	  {"metric": "*_seconds", "buckets": [0.1, 1, 10]},
//	  {"metric": "debug_*", "drop": true}
//	]
//
// The default registry finds them in EMBER_RULES, or in the file that EMBER_RULES_FILE
// names; [WithRules] gives them to any other. Series that lose what told them apart become
// one. A vector is asked as before, with values for all the labels that the code declares.
// [Rules] says what rules can do, and how they go together.
//
// Rules never stop a service. What is wrong with them is logged, and a service that wants
// to end over it asks, once everything is registered:
//
//	if err := ember.Default().CheckRules(); err != nil {
//		log.Fatal(err)
//	}
//
// # Mistakes
//
// Creating an instrument never fails. What cannot be exposed (a bad name, buckets
// that do not increase, a name that another family writes) is refused by
// [Registry.Register], with an error that names both sides.
//
// An update never fails either: one that no metric of that type can have, such as
// a negative addition to a counter, is dropped, counted in
// ember_invalid_updates_total and logged once.
//
// What panics is With, if the number of label values is wrong, and
// [Registry.MustRegister] and a registry's New… methods, where Register would
// return an error.
//
// # Cost
//
// An update takes no mutex and allocates nothing, but for a summary's quantiles and a
// native histogram's buckets: their memory grows with the range of the values, and too
// many buckets are made fewer under a mutex. A counter costs one atomic addition, a
// histogram two atomic operations however many buckets it has. Where writers on several
// processors meet on one counter or histogram, it spreads over more memory so that they
// meet no more; nothing else pays for that.
//
// With, for a series that exists, takes no lock and allocates nothing either. It
// hashes and compares the values. A hot path that knows its series can keep it:
//
//	ok := requests.With("GET", "200")
//
// WithLabels, which takes a map, costs more.
//
// No update and no new series waits for a scrape to end. A scrape streams, so its
// memory does not grow with the number of series.
package ember
