// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of a range, a port that cannot be had is passed over, whatever the system calls that; what
// is wrong with the address is said at once.
func TestListenRange(t *testing.T) {
	refused := func(call, why string) error {
		return &net.OpError{Op: "listen", Err: os.NewSyscallError(call, errors.New(why))}
	}
	for name, tc := range map[string]struct {
		addr  string
		fails map[string]error // by address
		tried []string
		bound string // empty: none
		err   string
	}{
		"the first":           {"h:7-9", nil, []string{"h:7"}, "h:7", ""},
		"the second":          {"h:7-9", map[string]error{"h:7": refused("bind", "in use")}, []string{"h:7", "h:0", "h:8"}, "h:8", ""},
		"the last":            {"h:7-9", map[string]error{"h:7": refused("bind", "in use"), "h:8": refused("bind", "permission denied")}, []string{"h:7", "h:0", "h:8", "h:9"}, "h:9", ""},
		"bound at once":       {"h:7-9", map[string]error{"h:7": refused("listen", "in use")}, []string{"h:7", "h:0", "h:8"}, "h:8", ""},
		"IPv6":                {"[::1]:7-9", map[string]error{"[::1]:7": refused("bind", "in use")}, []string{"[::1]:7", "[::1]:0", "[::1]:8"}, "[::1]:8", ""},
		"one port":            {"h:7-7", map[string]error{"h:7": refused("bind", "in use")}, []string{"h:7", "h:0"}, "", "none of the ports can be bound, the last one because of: listen: bind: in use"},
		"none":                {"h:7-8", map[string]error{"h:7": refused("bind", "in use"), "h:8": refused("bind", "used")}, []string{"h:7", "h:0", "h:8"}, "", "none of the ports can be bound, the last one because of: listen: bind: used"},
		"the highest":         {"h:65534-65535", map[string]error{"h:65534": refused("bind", "in use"), "h:65535": refused("bind", "in use")}, []string{"h:65534", "h:0", "h:65535"}, "", "none of the ports can be bound, the last one because of: listen: bind: in use"},
		"somebody else's":     {"h:1-65535", map[string]error{"h:1": refused("bind", "not ours"), "h:0": refused("bind", "not ours")}, []string{"h:1", "h:0"}, "", "listen: bind: not ours"},
		"no such host":        {"h:1-65535", map[string]error{"h:1": errors.New("no such host"), "h:0": errors.New("no such host")}, []string{"h:1", "h:0"}, "", "no such host"},
		"a port with a name":  {"h:http-alt", nil, []string{"h:http-alt"}, "h:http-alt", ""},
		"a name with a digit": {"h:3com-tsmux", nil, []string{"h:3com-tsmux"}, "h:3com-tsmux", ""},
		"no range at all":     {"h:7", map[string]error{"h:7": refused("bind", "in use")}, []string{"h:7"}, "", "listen: bind: in use"},
	} {
		t.Run(name, func(t *testing.T) {
			var tried []string
			open := make(map[string]bool)
			l, err := listen(tc.addr, func(addr string) (net.Listener, error) {
				tried = append(tried, addr)
				if err := tc.fails[addr]; err != nil {
					return nil, err
				}
				open[addr] = true
				return listenerAt{addr: addr, open: open}, nil
			})
			require.Equal(t, tc.tried, tried)
			if tc.bound == "" {
				require.EqualError(t, err, tc.err)
				require.Empty(t, open)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.bound, l.(listenerAt).addr)
			require.Equal(t, map[string]bool{tc.bound: true}, open, "and nothing else is kept")
		})
	}
}

// listenerAt is a listener at an address, which it leaves when it is closed.
type listenerAt struct {
	net.Listener
	addr string
	open map[string]bool
}

func (l listenerAt) Close() error { delete(l.open, l.addr); return nil }
