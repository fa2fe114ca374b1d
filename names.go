// SPDX-License-Identifier: Apache-2.0

package ember

import "strings"

// Names may be any UTF-8, but readers that have not asked for that get letters,
// digits, underscores and (in metric names) colons only: every other character
// is written as an underscore. This is the scheme "underscores" of
// https://prometheus.io/docs/instrumenting/escaping_schemes/.

// escapeName returns a metric's name as it is written.
func escapeName(name string) string { return escapeTo(name, true) }

// escapeLabel returns a label's name as it is written.
func escapeLabel(name string) string { return escapeTo(name, false) }

func escapeAll(labels []string) []string {
	escaped := make([]string, len(labels))
	for i, name := range labels {
		escaped[i] = escapeLabel(name)
	}
	return escaped
}

func escapeTo(name string, colon bool) string {
	legal := true
	for i := range len(name) {
		legal = legal && legalByte(name[i], i, colon)
	}
	if legal {
		return name
	}
	var b strings.Builder
	for i, r := range name {
		if r < 0x80 && legalByte(byte(r), i, colon) {
			b.WriteByte(byte(r))
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

func legalByte(c byte, i int, colon bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colon || c >= '0' && c <= '9' && i > 0
}
