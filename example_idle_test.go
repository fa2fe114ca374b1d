// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"os"
	"time"

	"github.com/embermetrics/ember"
)

func Example_idle() {
	reg := ember.NewRegistry()
	sent := reg.NewCounterVec(ember.CounterOpts{
		Name:      "sent_bytes_total",
		Help:      "Bytes sent to a peer.",
		IdleAfter: time.Hour,
	}, "peer")

	held := sent.With("10.0.0.7")
	held.Add(1200)
	sent.Delete("10.0.0.7") // as a scrape does when the series is idle
	fmt.Println(sent.Len())

	held.Add(300)
	ember.WriteText(os.Stdout, reg)
	// Output:
	// 0
	// # HELP sent_bytes_total Bytes sent to a peer.
	// # TYPE sent_bytes_total counter
	// sent_bytes_total{peer="10.0.0.7"} 300
}
