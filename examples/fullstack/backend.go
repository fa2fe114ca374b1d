// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a payment takes is log-normal: half of them take less than the median, and
// 5 % more than 3.7 times as much.
const (
	median  = 45 * time.Millisecond
	spread  = 0.8
	longest = 2 * time.Second
)

var (
	errDeclined    = errors.New("the card was declined")
	errUnavailable = errors.New("the bank is not available")
)

// backend stands for what a real service asks, such as a bank: it takes its time, and
// fails as often as it is told.
type backend struct {
	mu       sync.Mutex
	failures float64 // the ratio of calls that fail
	due      float64 // of failures; one fails when it reaches 1
	failed   int
}

// charge returns after a while, with errDeclined and errUnavailable by turns if it fails.
func (b *backend) charge() error {
	wait := float64(median) * math.Exp(spread*rand.NormFloat64())
	time.Sleep(min(time.Duration(wait), longest))

	b.mu.Lock()
	defer b.mu.Unlock()
	b.due += b.failures // so the ratio is exact, and not only in the long run
	if b.due < 1 {
		return nil
	}
	b.due--
	b.failed++
	if b.failed%2 == 0 {
		return errDeclined
	}
	return errUnavailable
}

// setFailures answers PUT /failures, whose body is the new ratio.
func (b *backend) setFailures(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ratio, err := strconv.ParseFloat(strings.TrimSpace(string(body)), 64)
	if err != nil || !isRatio(ratio) {
		http.Error(w, fmt.Sprintf("%q is not between 0 and 1", body), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.failures = ratio
	b.mu.Unlock()
	fmt.Fprintf(w, "From now on %.4g %% of the payments fail.\n", 100*ratio)
}

// isRatio is false for NaN, too.
func isRatio(f float64) bool { return f >= 0 && f <= 1 }
