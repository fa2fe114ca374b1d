// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
	"github.com/embermetrics/ember/embertest"
)

// mailer is a service that is tested.
type mailer struct {
	deliver  func(to string) error
	messages *ember.CounterVec
	delivery *ember.Histogram
}

func newMailer(reg *ember.Registry, deliver func(to string) error) *mailer {
	return &mailer{
		deliver: deliver,
		messages: reg.NewCounterVec(ember.CounterOpts{
			Name: "mail_messages_total",
			Help: "Messages, by what became of them.",
		}, "result"),
		delivery: reg.NewHistogram(ember.HistogramOpts{
			Name: "mail_delivery_seconds",
			Help: "Time to deliver a message.",
		}),
	}
}

func (m *mailer) send(to string) error {
	if !strings.Contains(to, "@") {
		m.messages.With("refused").Inc()
		return errors.New("not an address")
	}
	defer m.delivery.Start().Stop()
	if err := m.deliver(to); err != nil {
		m.messages.With("failed").Inc()
		return err
	}
	m.messages.With("sent").Inc()
	return nil
}

func delivered(string) error { return nil }

func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	reg := ember.NewRegistry()
	m := newMailer(reg, delivered)

	m.send("ada@example.org")
	m.send("nobody")

	if got := embertest.Value(t, reg, "mail_messages_total", "result", "refused"); got != 1 {
		t.Errorf("%g messages were refused, not 1", got)
	}
}

// failing is a test that prints what it fails with, and ends.
type failing struct{ testing.TB }

type failed struct{}

func (failing) Helper()             {}
func (failing) Logf(string, ...any) {}
func (failing) Fatal(args ...any) {
	fmt.Println(args...)
	panic(failed{})
}

// fail runs a part of a test that fails.
func fail(part func(t testing.TB)) {
	defer func() {
		if e := recover(); e != nil && e != (failed{}) {
			panic(e)
		}
	}()
	part(failing{})
}

// aUsedMailer has sent three messages, and refused one.
func aUsedMailer() *ember.Registry {
	reg := ember.NewRegistry()
	m := newMailer(reg, delivered)
	for _, to := range []string{"ada@example.org", "grace@example.org", "nobody", "alan@example.org"} {
		m.send(to)
	}
	return reg
}

func Example_metricThatIsNotThere() {
	reg := aUsedMailer()
	fail(func(t testing.TB) {
		embertest.Value(t, reg, "mail_message_total", "result", "refused")
	})
	// Output:
	// embertest: nothing exposed is called "mail_message_total"; is "mail_messages_total" meant? There is:
	// 	mail_delivery_seconds_bucket
	// 	mail_delivery_seconds_count
	// 	mail_delivery_seconds_sum
	// 	mail_messages_total
}

func Example_seriesThatIsNotThere() {
	reg := aUsedMailer()
	fail(func(t testing.TB) {
		embertest.Value(t, reg, "mail_messages_total", "result", "failed")
	})
	// Output:
	// embertest: mail_messages_total{result="failed"} is not there; there is:
	// 	mail_messages_total{result="refused"} 1
	// 	mail_messages_total{result="sent"} 3
}

// sentMails is what a package without a constructor counts in.
var sentMails = ember.Default().NewCounter(ember.CounterOpts{
	Name: "mail_sent_total",
	Help: "Messages sent.",
})

func sendMail() { sentMails.Inc() }

func TestSendMail(t *testing.T) {
	sent := embertest.Delta(t, ember.Default(), func() { sendMail() }, "mail_sent_total")
	if sent != 1 {
		t.Errorf("%g messages were sent, not 1", sent)
	}
}

func TestAllResults(t *testing.T) {
	t.Parallel()
	reg := aUsedMailer()
	embertest.Compare(t, reg, `
		# TYPE mail_messages_total counter
		mail_messages_total{result="sent"} 3
		mail_messages_total{result="refused"} 1
	`, "mail_messages_total")
}

func Example_diffOfMetrics() {
	reg := aUsedMailer()
	fail(func(t testing.TB) {
		embertest.Compare(t, reg, `
			mail_messages_total{result="sent"} 4
			mail_messages_total{result="refused"} 1
		`, "mail_messages_total")
	})
	// Output:
	// embertest: what is exposed is not what is wanted (- wanted, + exposed):
	// 	  …
	// 	  # TYPE mail_messages_total counter
	// 	  mail_messages_total{result="refused"} 1
	// 	- mail_messages_total{result="sent"} 4
	// 	+ mail_messages_total{result="sent"} 3
}

func TestDeliveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		m := newMailer(reg, func(string) error {
			time.Sleep(80 * time.Millisecond)
			return nil
		})

		go m.send("ada@example.org")
		time.Sleep(time.Second) // of the bubble's time, which is over at once

		h := embertest.Histogram(t, reg, "mail_delivery_seconds")
		if h.Count != 1 || h.Sum != 0.08 {
			t.Errorf("%d deliveries took %g s, not one of them 0.08", h.Count, h.Sum)
		}
	})
}

// newMailService is a service with its metrics.
func newMailService(reg *ember.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /boxes/{user}", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	return emberhttp.Middleware(reg, emberhttp.Options{})(mux)
}

func TestMailService(t *testing.T) {
	t.Parallel()
	reg := ember.NewRegistry()
	service := newMailService(reg)
	for _, path := range []string{"/boxes/ada", "/boxes/grace", "/wp-login.php"} {
		service.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	embertest.Compare(t, reg, `
		http_requests_total{method="GET",path="/boxes/{user}",status="200"} 2
		http_requests_total{method="GET",path="unmatched",status="404"} 1
	`, "http_requests_total")

	scrape := httptest.NewRecorder()
	service.ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(scrape.Body.String(), `path="unmatched",status="404"} 1`) {
		t.Error("a scrape does not have what was served")
	}
	embertest.RequireClean(t, reg)
}

func Example_metricsThatAreNotClean() {
	reg := ember.NewRegistry()
	sent := reg.NewCounterVec(ember.CounterOpts{Name: "mail_sent", Help: "Messages sent."}, "to")
	for _, to := range []string{"ada@example.org", "grace@example.org", "alan@example.org"} {
		sent.With(to).Inc()
	}
	reg.NewHistogram(ember.HistogramOpts{Name: "mail_delivery_ms", Help: "Time to deliver a message."})
	fail(func(t testing.TB) {
		embertest.RequireClean(t, reg)
	})
	// Output:
	// embertest: 3 to fix, or to accept by an embertest.Accept with metric and rule:
	// 	mail_delivery_ms: abbreviation: "ms" abbreviates a unit: use seconds, spelled out: call it "mail_delivery_seconds"
	// 	mail_sent: total: a counter's name ends in "_total": call it "mail_sent_total"
	// 	mail_sent{to}: cardinality: 3 distinct values look like e-mail addresses, such as "ada@example.org"; each of them stays a series: leave the label out, and log who it was
}
