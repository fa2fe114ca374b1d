// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// window is how far back the record goes: as far as the rates in the rules.
const window = 5 * time.Minute

// traffic pays again and again. It keeps a record of its own of how that went, which
// knows nothing of metrics, to hold against what Prometheus says.
type traffic struct {
	mu      sync.Mutex
	answers []answer // in the order in which they came
}

type answer struct {
	at     time.Time
	took   time.Duration
	failed bool
}

// send sends so many requests a second until ctx is done, and waits for their answers.
func (t *traffic) send(ctx context.Context, url string, perSecond int) {
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
		Timeout:   10 * time.Second,
	}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var sent sync.WaitGroup
	defer sent.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			sent.Go(func() { t.pay(client, url) })
		}
	}
}

func (t *traffic) pay(client *http.Client, url string) {
	start := time.Now()
	paid := false
	resp, err := client.Post(url, "application/json", strings.NewReader("{}"))
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		paid = err == nil && strings.Contains(string(body), "true")
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = append(t.answers, answer{at: now, took: now.Sub(start), failed: !paid})
}

// truth is what became of the requests of the last five minutes.
type truth struct {
	requests int
	failed   float64 // the ratio, or NaN of no requests
	p95      float64 // 95 % of them took at most so many seconds, or NaN
}

func (t truth) String() string {
	if t.requests == 0 {
		return "There were no requests in the last five minutes."
	}
	return fmt.Sprintf("Of the last five minutes' %d requests %s failed, and 95 %% took at most %s.",
		t.requests, percent(t.failed), millis(t.p95))
}

func (t *traffic) truth() truth {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := time.Now().Add(-window)
	t.answers = slices.DeleteFunc(t.answers, func(a answer) bool { return a.at.Before(old) })
	if len(t.answers) == 0 {
		return truth{failed: math.NaN(), p95: math.NaN()}
	}
	failed := 0
	took := make([]time.Duration, 0, len(t.answers))
	for _, a := range t.answers {
		took = append(took, a.took)
		if a.failed {
			failed++
		}
	}
	slices.Sort(took)
	return truth{
		requests: len(took),
		failed:   float64(failed) / float64(len(took)),
		p95:      took[(len(took)*95+99)/100-1].Seconds(), // rounded up
	}
}
