// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"slices"

	"github.com/embermetrics/ember/metric"
)

// request is what a scrape asks for.
type request struct {
	escaping Escaping
	names    []string // of families or of their samples, as anybody may write them; none: everything
}

// wants reports whether a family is asked for: by its name, or by that of one of its
// samples, as declared or as escaped for this request or by default.
func (q *request) wants(name string, kind metric.Kind) bool {
	if len(q.names) == 0 {
		return true
	}
	for _, spelled := range [...]string{name, escapeName(name), escapeTo(name, q.escaping, true)} {
		for _, n := range writtenNames(spelled, kind) {
			if slices.Contains(q.names, n) {
				return true
			}
		}
		if classic(name, true) {
			break // the others are the same
		}
	}
	return false
}

// wanted reports whether a collector must be called for a request: what one that
// describes nothing will write is not known before.
func (reg *registration) wanted(q request) bool {
	if reg.described == nil {
		return true
	}
	for name, descs := range reg.described {
		if !reg.dropped[name] && q.wants(reg.in.prefix+name, descs[0].Kind) {
			return true
		}
	}
	return false
}
