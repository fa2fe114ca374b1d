// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExample is how many bytes an example of a value has at most, with its quotes.
const maxExample = 64

// manyValues is how many values of no particular shape are too many for a label that
// is not called like machines or their parts.
const manyValues = 500

// manyPeople is how many names are too many for a label that is called like people.
const manyPeople = 20

// infoFactor is how many times more values an info may have: its labels are there to
// identify.
const infoFactor = 10

// evidence are values of a label that look alike.
type evidence struct {
	what   string // of several values: what they do
	fix    string
	values []string // those of the label that look so, in order
	least  int      // how many of them there must be
	share  int      // and they must be one in so many of all values; 0: any share
}

func (e *evidence) enough(all int) bool {
	return len(e.values) >= e.least && (e.share == 0 || len(e.values)*e.share >= all)
}

const (
	fixID      = "leave the label out, or replace the value by the class it belongs to"
	fixToken   = "leave the label out; an exemplar can carry one of them"
	fixPerson  = "leave the label out, and log who it was"
	fixAddress = "replace the address by a network, zone or role, or log it"
	fixTime    = "make the time the value of a gauge, in seconds since 1970"
	fixAgent   = "replace the value by a family, such as \"firefox\""
	fixQuery   = "leave out what follows the question mark"
	fixText    = "replace the text by a word of a fixed set, and log it"
	fixMany    = "replace the values by fewer and broader ones, or leave the label out"
)

// unbounded returns why a label with these values looks as if it had no bounds, or
// nothing. Several values are needed for any suspicion: each kind of them has a
// number from which it is hardly chance, which the label's name raises or lowers.
func unbounded(label string, values map[string]bool, info bool) string {
	if len(values) < 2 {
		return ""
	}
	all := slices.Sorted(maps.Keys(values))
	role := roleOf(label)
	best := (*evidence)(nil)
	for _, e := range weigh(all, role) {
		if info {
			e.least *= infoFactor
		}
		if e.enough(len(all)) && (best == nil || len(e.values) > len(best.values)) {
			best = e
		}
	}
	if best != nil {
		return best.text(len(all))
	}
	switch {
	case info:
		return ""
	case role.unique:
		return (&evidence{what: "are new ones again and again, by the label's name", fix: fixToken, values: all}).text(len(all))
	case role.who && len(all) >= manyPeople:
		return (&evidence{what: "look like people or accounts", fix: fixPerson, values: all}).text(len(all))
	case len(all) >= manyValues && !role.index && !role.machine && !dense(all):
		return (&evidence{what: "are more than a set that somebody chose", fix: fixMany, values: all}).text(len(all))
	}
	return ""
}

// text says what was found in a label with so many values, and what to do.
func (e *evidence) text(all int) string {
	of := ""
	if len(e.values) < all {
		of = fmt.Sprintf(" of %d", all)
	}
	return fmt.Sprintf("%d%s distinct values %s, such as %s; each of them stays a series: %s", len(e.values), of, e.what, quoted(e.values[0]), e.fix)
}

// weigh returns the evidence that the values of a label give, in the order in which
// it counts if there is equally much.
func weigh(all []string, role role) []*evidence {
	pick := func(usual, machine, suspect int) int {
		switch {
		case role.machine || role.revision:
			return machine
		case role.client || role.person:
			return suspect
		}
		return usual
	}
	var (
		emails    = &evidence{what: "look like e-mail addresses", fix: fixPerson, least: 2}
		agents    = &evidence{what: "look like user agents", fix: fixAgent, least: 3}
		queries   = &evidence{what: "look like URLs with a query", fix: fixQuery, least: 2}
		times     = &evidence{what: "look like timestamps", fix: fixTime, least: 3}
		dates     = &evidence{what: "look like dates", fix: fixTime, least: 32, share: 4}
		uuids     = &evidence{what: "look like UUIDs", fix: fixToken, least: pick(3, 50, 2)}
		addresses = &evidence{what: "look like network addresses", fix: fixAddress, least: pick(10, 50, 3)}
		tokens    = &evidence{what: "look like hashes or random ids", fix: fixToken, least: pick(5, 50, 3), share: 4}
		numbers   = &evidence{what: "look like numeric ids", fix: fixID, least: pick(10, 50, 3), share: 4}
		texts     = &evidence{what: "look like free text", fix: fixText, least: 10, share: 4}
	)
	if role.text {
		texts.least = 5
	}
	if role.code {
		numbers.least = 100
	}
	for _, v := range all {
		if len(v) > maxLooked {
			v = v[:maxLooked]
		}
		switch {
		case isEmail(v):
			emails.add(v)
		case isUserAgent(v, role.agent):
			agents.add(v)
		case hasQuery(v):
			queries.add(v)
		case isTime(v) || role.time && isUnixTime(v):
			times.add(v)
		case isDate(v):
			dates.add(v)
		case hasUUID(v) && !isPath(v, role.path):
			uuids.add(v)
		case isAddress(v) && !role.revision:
			addresses.add(v)
		case isText(v):
			texts.add(v)
		case isNumericID(v) || role.person && isNumber(v):
			numbers.add(v)
		case hasToken(v) && !isPath(v, role.path):
			tokens.add(v)
		}
	}
	if role.index || boundedNumbers(all) && !role.person {
		numbers.values = nil
	}
	return []*evidence{emails, uuids, queries, paths(all, role), addresses, agents, times, dates, texts, tokens, numbers}
}

func (e *evidence) add(v string) { e.values = append(e.values, v) }

// paths returns the evidence of paths that differ only in ids: those that would be
// one route.
func paths(all []string, role role) *evidence {
	groups := make(map[string][]string)
	for _, v := range all {
		if len(v) > maxLooked {
			v = v[:maxLooked]
		}
		if route, ok := routeOf(v, role.path); ok {
			groups[route] = append(groups[route], v)
		}
	}
	e := &evidence{what: "look like paths with ids in them", least: 5}
	if role.path {
		e.least = 3
	}
	// A route counts on its own, but all that count are reported.
	most, route := 0, ""
	for _, r := range slices.Sorted(maps.Keys(groups)) {
		members := groups[r]
		if len(members) < e.least || !role.path && densePaths(members, r) {
			continue
		}
		e.values = append(e.values, members...)
		if len(members) > most {
			most, route = len(members), r
		}
	}
	slices.Sort(e.values)
	if (role.machine || role.revision) && !role.path {
		e.least = 50
	}
	e.fix = "use the route's pattern, such as " + quoted(route)
	return e
}

// densePaths reports whether the members of a route differ only in small numbers
// without gaps, as disks and their mount points do.
func densePaths(members []string, route string) bool {
	before, after, _ := strings.Cut(route, routeID)
	var numbers []string
	for _, m := range members {
		m, ok1 := strings.CutPrefix(m, before)
		m, ok2 := strings.CutSuffix(m, after)
		if !ok1 || !ok2 || !isNumber(m) {
			return false
		}
		numbers = append(numbers, m)
	}
	return dense(numbers)
}

// dense reports whether values are numbers from 0 or 1 on with few gaps: of shards,
// processors and so on.
func dense(values []string) bool {
	least, most := ^uint64(0), uint64(0)
	for _, v := range values {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return false
		}
		least, most = min(least, n), max(most, n)
	}
	return least <= 1 && uint64(len(values))*2 > most
}

// boundedNumbers reports whether the numeric values are of a set that everybody
// knows: indexes, or the three digits that HTTP, SMTP and so on answer with.
func boundedNumbers(all []string) bool {
	var numbers []string
	codes := 0
	for _, v := range all {
		if isNumber(v) {
			numbers = append(numbers, v)
			if len(v) == 3 && v[0] >= '1' && v[0] <= '6' {
				codes++
			}
		}
	}
	return codes == len(numbers) && codes > 0 && codes <= 64 || dense(numbers) && len(numbers) > 0
}

// quoted returns an example in quotes.
func quoted(s string) string { return quotedUpTo(s, maxExample) }

// quotedName returns a name in quotes, which is cut off if it is absurdly long.
func quotedName(s string) string { return quotedUpTo(s, 256) }

// quotedUpTo returns s in quotes with at most limit bytes: cut off if need be.
func quotedUpTo(s string, limit int) string {
	const dots = "…"
	cut := s[:min(len(s), limit)]
	q := strconv.Quote(cut)
	if len(cut) == len(s) && len(q) <= limit {
		return q
	}
	for len(q)+len(dots) > limit {
		_, size := utf8.DecodeLastRuneInString(cut)
		cut = cut[:len(cut)-size]
		q = strconv.Quote(cut)
	}
	return q[:len(q)-1] + dots + `"`
}
