// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) {
	makeTestFile()
	leaktest.Main(m)
}

// lockedBuffer is written to by servers and read by tests.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
