// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// explanation is a section of missed.md: prose about promises that were missed.
type explanation struct {
	title    string
	promises []string // as promise.String names them
	text     string
}

// readMissed reads the explanations in a file. What stands before the first "## " is
// about the file itself. Each section begins with a list of the promises it is about,
//
//   - `CounterInc/work=0/goroutines=2 against client_golang`
//
// and goes on as it likes.
func readMissed(file string) (all []explanation, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, sections, _ := strings.Cut("\n"+string(text), "\n## ")
	if sections == "" {
		return nil, nil
	}
	for section := range strings.SplitSeq(sections, "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		e := explanation{title: strings.TrimSpace(title)}
		body = strings.TrimSpace(body)
		for {
			name, ok := strings.CutPrefix(body, "- `")
			if !ok {
				break
			}
			name, body, ok = strings.Cut(name, "`")
			if !ok {
				break
			}
			e.promises = append(e.promises, name)
			body = strings.TrimSpace(body)
		}
		e.text = body
		if len(e.promises) == 0 || e.text == "" {
			return nil, fmt.Errorf("%s: section %q needs a list of promises and a text", file, e.title)
		}
		all = append(all, e)
	}
	return all, nil
}

// compareExplained returns what is wrong with the explanations: missed promises that
// have none, and those of others.
func compareExplained(verdicts []verdict, explained []explanation) (problems []string) {
	missed, known := make(map[string]bool), make(map[string]bool)
	for _, v := range verdicts {
		known[v.promise.String()] = true
		missed[v.promise.String()] = !v.kept
	}
	has := make(map[string]bool)
	for _, e := range explained {
		for _, name := range e.promises {
			has[name] = true
			switch {
			case !known[name]:
				problems = append(problems, fmt.Sprintf("section %q is about what is not promised: %s", e.title, name))
			case !missed[name]:
				problems = append(problems, fmt.Sprintf("section %q is about a promise that is kept: %s", e.title, name))
			}
		}
	}
	for _, v := range verdicts {
		if name := v.promise.String(); missed[name] && !has[name] {
			problems = append(problems, "unexplained: "+v.String())
		}
	}
	return problems
}
