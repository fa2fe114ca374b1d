// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"slices"
	"strings"
)

// role is what a label's name says about its values.
type role struct {
	unique   bool // a new one for each thing that happens, or nearly
	person   bool // people, or what they have or order
	who      bool // people or accounts, by name
	client   bool // whoever connects
	machine  bool // the machines and processes of an installation: as many as there are
	index    bool // parts with numbers
	code     bool // codes out of a table
	revision bool // what was built
	path     bool
	text     bool
	time     bool
	agent    bool
}

// uniqueNames end the names of labels whose values are new each time, with or without
// underscores.
var uniqueNames = []string{"user_id", "request_id", "trace_id", "span_id", "session_id", "correlation_id"}

// wordSet returns the words of a list.
func wordSet(list string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

var (
	personWords   = wordSet("user userid username login email mail account customer member visitor session order invoice payment cart")
	whoWords      = wordSet("user username login account customer member visitor")
	clientWords   = wordSet("client remote ip src source peer addr address")
	machineWords  = wordSet("host hostname instance node pod container server machine replica broker backend upstream endpoint target member device disk rack cluster vm iface interface")
	indexWords    = wordSet("shard partition bucket slot cpu core thread worker index idx replica segment stripe level bank node device gpu lane vcpu rank priority attempt")
	codeWords     = wordSet("code status state sqlstate errno error err reason result exit signal opcode port vlan asn size year")
	revisionWords = wordSet("revision commit sha version checksum digest build image release tag branch git ref")
	pathWords     = wordSet("path url uri route endpoint handler request resource page location href referer referrer target")
	textWords     = wordSet("message msg error err reason description text query statement sql cause exception detail details")
	momentWords   = wordSet("time timestamp ts date at since created updated started expires")
)

// roleOf reads the name of a label.
func roleOf(label string) role {
	w := words(label)
	var r role
	if len(w) == 0 {
		return r
	}
	joined := "_" + strings.Join(w, "_")
	for _, name := range uniqueNames {
		if strings.HasSuffix(joined, "_"+name) || strings.HasSuffix(joined, "_"+strings.ReplaceAll(name, "_", "")) {
			r.unique = true
		}
	}
	has := func(words map[string]bool) bool {
		return slices.ContainsFunc(w, func(word string) bool { return words[word] })
	}
	last := w[len(w)-1]
	// What a word like user qualifies may be an enumeration: user_type.
	r.person = personWords[last] || has(personWords) && (last == "id" || last == "name" || last == "key")
	r.who = whoWords[last]
	r.client = has(clientWords)
	r.machine = has(machineWords) && !r.client
	r.index = has(indexWords) && !r.person
	r.code = codeWords[last] && !r.client
	r.revision = has(revisionWords)
	r.path = has(pathWords)
	r.text = has(textWords)
	r.time = has(momentWords)
	r.agent = last == "agent" || last == "useragent"
	return r
}
