// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"net"
	"strconv"
	"strings"
	"unicode"
)

// listen binds an address, or the first of its ports that can be bound.
func listen(addr string, bind func(addr string) (net.Listener, error)) (net.Listener, error) {
	switch {
	case addr == "":
		return nil, errorf("the address is empty; %q is any free port of all interfaces", ":0")
	case strings.HasPrefix(addr, "unix:"), strings.HasPrefix(addr, "/"):
		return nil, errorf("an address is a host and a port; Unix sockets are not served")
	}
	host, ports, err := net.SplitHostPort(addr)
	first, last, ranged := strings.Cut(ports, "-")
	if err != nil || !ranged || strings.ContainsFunc(ports, unicode.IsLetter) { // ports have names, too
		return bind(addr)
	}
	from, errFrom := strconv.ParseUint(first, 10, 16)
	to, errTo := strconv.ParseUint(last, 10, 16)
	if errFrom != nil || errTo != nil || from == 0 || from > to {
		return nil, errorf("%q is no range of ports", ports)
	}
	at := func(port uint64) string { return net.JoinHostPort(host, strconv.FormatUint(port, 10)) }
	for port := from; ; port++ {
		l, err := bind(at(port))
		if err == nil {
			return l, nil
		}
		if port == from {
			// If even a free port cannot be had, no other can.
			free, errFree := bind(at(0))
			if errFree != nil {
				return nil, err
			}
			_ = free.Close()
		}
		if port == to {
			return nil, errorf("none of the ports can be bound, the last one because of: %w", err)
		}
	}
}
