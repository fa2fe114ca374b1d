// SPDX-License-Identifier: Apache-2.0

package leaktest

import (
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestSurvivors(t *testing.T) {
	before := goroutines()
	end, started := make(chan struct{}), make(chan struct{})
	go func() {
		close(started)
		<-end
	}()
	<-started
	left := survivors(before, 0)
	close(end)
	if len(left) != 1 || !strings.Contains(left[0], "leaktest.TestSurvivors") {
		t.Fatalf("%q", left)
	}
	if left := survivors(before, 2*time.Second); len(left) != 0 {
		t.Fatalf("%q", left)
	}
}
