// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxLooked is how many bytes of a value are looked at.
const maxLooked = 512

// routeID is what stands for an id in a route.
const routeID = "{id}"

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func hex(c byte) bool    { return digit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isNumber reports whether v is digits alone.
func isNumber(v string) bool {
	for i := range len(v) {
		if !digit(v[i]) {
			return false
		}
	}
	return v != ""
}

// isNumericID reports whether v is a number that is hardly a size, a class or an
// index, alone or after a short word; or a number with more decimals than a version
// has.
func isNumericID(v string) bool {
	v = strings.TrimPrefix(v, "-")
	if whole, decimals, ok := strings.Cut(v, "."); ok {
		return isNumber(whole) && isNumber(decimals) && len(decimals) >= 4
	}
	if isNumber(v) {
		return len(v) >= 3 && !round(v)
	}
	n := 0
	for n < len(v) && letter(v[n]) {
		n++
	}
	rest := v[n:]
	if rest != "" && strings.IndexByte("-_:#", rest[0]) >= 0 {
		rest = rest[1:]
	}
	return n > 0 && n <= 16 && len(rest) >= 4 && isNumber(rest)
}

// round reports whether a number is a power of two, or has at most two digits that
// are not trailing zeros: whoever chose it meant a limit or a class.
func round(v string) bool {
	if len(strings.TrimRight(v, "0")) <= 2 {
		return true
	}
	n, err := strconv.ParseUint(v, 10, 64)
	return err == nil && n&(n-1) == 0
}

// isUnixTime reports whether v is a time of this half century in whole seconds,
// milliseconds, microseconds or nanoseconds.
func isUnixTime(v string) bool {
	if !isNumber(v) || len(v) != 10 && len(v) != 13 && len(v) != 16 && len(v) != 19 {
		return false
	}
	return v[0] == '1' || v[0] == '2' && v[1] <= '2'
}

// isEmail reports whether v is an e-mail address.
func isEmail(v string) bool {
	at := strings.LastIndexByte(v, '@')
	if at < 1 || strings.ContainsAny(v, " /:\t\n") {
		return false
	}
	domain := v[at+1:]
	dot := strings.LastIndexByte(domain, '.')
	if dot < 1 || dot == len(domain)-1 {
		return false
	}
	for i := dot + 1; i < len(domain); i++ {
		if !letter(domain[i]) {
			return false // such as the version in module@v1.2.3
		}
	}
	return !systemdTypes[domain[dot+1:]]
}

// systemdTypes end the names of units, which may have an @ in them.
var systemdTypes = wordSet("service socket device mount automount swap target path timer slice scope")

// isAddress reports whether v is an IP address, with or without a port, or that of a
// network interface.
func isAddress(v string) bool {
	if _, err := netip.ParseAddr(v); err == nil {
		return true
	}
	if _, err := netip.ParseAddrPort(v); err == nil {
		return true
	}
	return isMAC(v)
}

func isMAC(v string) bool {
	if len(v) != 17 {
		return false
	}
	for i := range len(v) {
		if i%3 == 2 {
			if v[i] != ':' && v[i] != '-' {
				return false
			}
		} else if !hex(v[i]) {
			return false
		}
	}
	return true
}

// isDate reports whether v is a date like 2006-01-02.
func isDate(v string) bool { return len(v) == 10 && startsWithDate(v) }

// isTime reports whether v starts with a date and a time.
func isTime(v string) bool {
	return len(v) >= 16 && startsWithDate(v) && (v[10] == 'T' || v[10] == ' ') && digit(v[11]) && digit(v[12]) && v[13] == ':'
}

func startsWithDate(v string) bool {
	for i := range 10 {
		if i == 4 || i == 7 {
			if v[i] != '-' {
				return false
			}
		} else if !digit(v[i]) {
			return false
		}
	}
	return true
}

// uuidForm is a UUID with x for its digits.
const uuidForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

// hasUUID reports whether v contains a UUID.
func hasUUID(v string) bool {
	for {
		dash := strings.IndexByte(v, '-')
		if dash < 0 {
			return false
		}
		if dash >= 8 && len(v) >= dash-8+len(uuidForm) && isUUID(v[dash-8:dash-8+len(uuidForm)]) {
			return true
		}
		v = v[dash+1:]
	}
}

func isUUID(v string) bool {
	for i := range len(uuidForm) {
		if uuidForm[i] == '-' {
			if v[i] != '-' {
				return false
			}
		} else if !hex(v[i]) {
			return false
		}
	}
	return true
}

// hasToken reports whether v contains 16 or more letters and digits in a row that
// alternate as no name does: a hash in hex or base 64, or a random id.
func hasToken(v string) bool {
	length, runs := 0, 0 // of the letters and digits so far; and of digits among them
	inDigits := false
	for i := range len(v) {
		c := v[i]
		if !digit(c) && !letter(c) {
			length, runs, inDigits = 0, 0, false
			continue
		}
		length++
		if digit(c) && !inDigits {
			runs++
		}
		inDigits = digit(c)
		if length >= 16 && runs >= 3 {
			return true
		}
	}
	return false
}

// isUserAgent reports whether v is what HTTP clients say that they are. Expected is
// whether the label is called so, in which case a bare product will do.
func isUserAgent(v string, expected bool) bool {
	if strings.HasPrefix(v, "Mozilla/") {
		return true
	}
	product, version, ok := strings.Cut(v, "/")
	if !ok || product == "" || strings.ContainsAny(product, " (?=&") || product == "HTTP" || version == "" || !digit(version[0]) {
		return false
	}
	return expected || strings.Contains(version, " (") || strings.Contains(version, ";")
}

// hasQuery reports whether v is a path or URL with a query, and not a pattern of such.
func hasQuery(v string) bool {
	path, query, ok := strings.Cut(v, "?")
	if !ok || !strings.Contains(path, "/") || strings.ContainsAny(path, "(*") {
		return false
	}
	name, value, ok := strings.Cut(query, "=")
	return ok && name != "" && value != "" && !strings.ContainsAny(name, " ()[]\\") && strings.IndexByte("{:<(*", value[0]) < 0
}

// isText reports whether v is longer than any name or phrase of a protocol.
func isText(v string) bool {
	spaces := strings.Count(v, " ")
	return spaces >= 5 && len(v) >= 32 || spaces >= 3 && len(v) >= 100
}

// isPath reports whether v is a path, with or without a method or a host before it.
// Expected is whether the label is called like paths, in which case a path need not
// start with a slash.
func isPath(v string, expected bool) bool {
	switch {
	case !strings.Contains(v, "/"), strings.Count(v, " ") > 1:
		return false
	default:
		return expected || v[0] == '/' || strings.Contains(v, " /") || strings.Contains(v, "://")
	}
}

// routeOf returns a path with routeID for each segment that is an id. It is not ok if
// v is no path or has no such segment.
func routeOf(v string, expected bool) (route string, ok bool) {
	if !isPath(v, expected) {
		return "", false
	}
	v, _, _ = strings.Cut(v, "?")
	segments := strings.Split(v, "/")
	for i, s := range segments {
		if i > 0 && isPathID(s) {
			segments[i], ok = routeID, true
		}
	}
	return strings.Join(segments, "/"), ok
}

func isPathID(s string) bool {
	return isNumber(s) || isNumericID(s) || hasUUID(s) || hasToken(s) || isEmail(s) || isTime(s) || isDate(s)
}
