// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxLoad is the most requests a second that sendLoad sends.
const maxLoad = 10_000

// sendLoad gets url so many times a second until ctx is done. What becomes of the
// requests is the server's to measure.
func sendLoad(ctx context.Context, url string, perSecond int) {
	if perSecond == 0 {
		return
	}
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 100},
		Timeout:   5 * time.Second,
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
			sent.Go(func() { get(ctx, client, url) })
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}
