// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"strconv"
	"strings"
)

// encodingOffer is a content coding that a response can have.
type encodingOffer uint8

const (
	identity encodingOffer = iota
	gzipped
	notAcceptable
)

// negotiateEncoding chooses a response's content coding by the lines of an
// Accept-Encoding header, as RFC 9110, section 12.5.3, has it: names without
// regard to case, q=0 meaning never, "*" for what is not named. Identity is
// acceptable unless it is excluded. Between equals gzip wins.
func negotiateEncoding(lines []string, offerGzip bool) encodingOffer {
	const unnamed = -1.0
	gzipQ, identityQ, anyQ := unnamed, unnamed, unnamed
	for _, line := range lines {
		for line != "" {
			var element string
			element, line, _ = strings.Cut(line, ",")
			name, parameters, _ := strings.Cut(element, ";")
			name = strings.Trim(name, " \t")
			var q *float64
			switch {
			case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
				q = &gzipQ
			case strings.EqualFold(name, "identity"):
				q = &identityQ
			case name == "*":
				q = &anyQ
			default:
				continue
			}
			*q = max(*q, quality(parameters))
		}
	}
	if gzipQ == unnamed {
		gzipQ = max(anyQ, 0)
	}
	if identityQ == unnamed {
		// Not excluded, but what is named is wanted more.
		identityQ = 0.0001
		if anyQ >= 0 {
			identityQ = anyQ
		}
	}
	switch {
	case offerGzip && gzipQ > 0 && gzipQ >= identityQ:
		return gzipped
	case identityQ > 0:
		return identity
	default:
		return notAcceptable
	}
}

// quality returns the weight among an element's parameters: 1 if there is none, 0
// if it cannot be read, for then nothing says that the coding is wanted.
func quality(parameters string) float64 {
	for parameters != "" {
		var p string
		p, parameters, _ = strings.Cut(parameters, ";")
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.Trim(value, " \t\""), 64)
		if err != nil || !(q >= 0) {
			return 0
		}
		return min(q, 1)
	}
	return 1
}
