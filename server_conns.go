// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
)

// newcomers are connections on which nothing was asked so far. Package http, when it shuts
// down, takes them for busy ones for five seconds; here they are closed at once, like those
// on which nothing is asked any more.
type newcomers struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	ended bool // there shall be no more
}

// state is told of each change of a connection's state.
func (n *newcomers) state(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn() // which closes without a word, and so without waiting for anybody
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(n.conns, conn)
	case n.ended:
		_ = conn.Close()
	default:
		if n.conns == nil {
			n.conns = make(map[net.Conn]struct{})
		}
		n.conns[conn] = struct{}{}
	}
}

// end closes those that there are, and those that still come.
func (n *newcomers) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for conn := range n.conns {
		_ = conn.Close()
	}
}

// complaints go to the log: what package http says of connections, a line at a time.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(line []byte) (int, error) {
	text, level := strings.TrimSpace(string(line)), slog.LevelWarn
	if strings.HasPrefix(text, "http: TLS handshake error ") && strings.HasSuffix(text, ": EOF") {
		level = slog.LevelDebug // somebody only looked whether the port is open
	}
	c.log.Log(context.Background(), level, text)
	return len(line), nil
}
