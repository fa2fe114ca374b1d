// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// ParseRules reads rules that are written as a JSON array:
//
//	[
//	  {"metric": "go_*", "drop": true},
//	  {"metric": "http_requests_total", "drop_labels": ["path"], "rename_labels": {"status": "code"}},
//	  {"metric": "*_seconds", "buckets": [0.1, 0.5, 1, 5], "max_series": 1000},
//	  {"metric": "logins_total", "label_budgets": {"user": 100}, "known_values": {"user": ["root"]}}
//	]
//
// A field that Rule does not have is an error, and so is one that stands twice. Errors say
// in which line, or of which rule.
func ParseRules(text []byte) (*Rules, error) { return parseRules("", text) }

// ReadRules is ParseRules for a file, which errors name.
func ReadRules(file string) (*Rules, error) {
	return readRules(fmt.Sprintf("rules in %q: ", file), file)
}

func readRules(where, file string) (*Rules, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, errorf("ember: %s%w", where, err)
	}
	return parseRules(where, text)
}

// The variables of the environment that RulesFromEnv reads.
const (
	rulesVariable     = "EMBER_RULES"
	rulesFileVariable = "EMBER_RULES_FILE"
)

// RulesFromEnv reads the rules in EMBER_RULES, or in the file that EMBER_RULES_FILE names.
// Both is an error. Without either, or if they are empty, there are no rules, which nil
// says.
//
// The default registry heeds them without being asked. If there is something wrong with
// them, it takes none, logs that, and CheckRules returns it: metrics do not take a service
// down, unless it asks.
func RulesFromEnv() (*Rules, error) {
	text, file := os.Getenv(rulesVariable), os.Getenv(rulesFileVariable)
	switch {
	case text != "" && file != "":
		return nil, errors.New("ember: both " + rulesVariable + " and " + rulesFileVariable + " are set; only one can say what the rules are")
	case text != "":
		return parseRules(rulesVariable+": ", []byte(text))
	case file != "":
		return readRules(fmt.Sprintf("rules in %q, by "+rulesFileVariable+": ", file), file)
	}
	return nil, nil
}

// MarshalJSON writes rules as ParseRules reads them.
func (r *Rules) MarshalJSON() ([]byte, error) {
	if r == nil || r.list == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(r.list)
}

// parseRules is ParseRules with where the text is from, for errors.
func parseRules(where string, text []byte) (*Rules, error) {
	rules, err := readJSON(string(text))
	if err != nil {
		return nil, errorf("ember: %s%w", where, err)
	}
	r, flaws := newRules(rules)
	return r, rulesError(where, flaws)
}
