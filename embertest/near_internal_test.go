// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The distance is that of its definition, of which this is the text.
func TestDistance(t *testing.T) {
	var model func(a, b string) int
	model = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		replaced := model(a[1:], b[1:])
		if a[0] == b[0] {
			return replaced
		}
		least := min(replaced, model(a[1:], b), model(a, b[1:])) + 1
		if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
			least = min(least, model(a[2:], b[2:])+1)
		}
		return least
	}
	word := func() string {
		w := make([]byte, rand.IntN(7))
		for i := range w {
			w[i] = "abc"[rand.IntN(3)]
		}
		return string(w)
	}
	for range 2000 {
		a, b := word(), word()
		require.Equal(t, model(a, b), distance(a, b), "%q %q", a, b)
	}
	require.Equal(t, 1, distance("größe", "große"))
}

func TestNear(t *testing.T) {
	for name, tc := range map[string]struct {
		given      string
		candidates []string
		want       string // empty: none
	}{
		"none":                 {"x", nil, ""},
		"the nearest":          {"rpc_secnds", []string{"rpc_second", "rpc_seconds"}, "rpc_seconds"},
		"the first of two":     {"cat", []string{"bat", "rat"}, "bat"},
		"the letter's case":    {"get", []string{"put", "GET"}, "GET"},
		"too far":              {"get", []string{"post"}, ""},
		"a part":               {"requests", []string{"http_requests_total", "api_requests"}, "api_requests"},
		"a whole":              {"http_requests_total", []string{"requests_total"}, "requests_total"},
		"nearer than a part":   {"jobs_total", []string{"jobs", "job_total"}, "job_total"},
		"a part in the middle": {"requests", []string{"response_bytes", "http_requests_total"}, "http_requests_total"},
		"a part that is later": {"jobs_total", []string{"job_total", "jobs"}, "job_total"},
		"no part of a word":    {"jobs", []string{"jobstotalled"}, ""},
		"a part too short":     {"go", []string{"go_threads"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := near(tc.given, tc.candidates)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != "", ok)
		})
	}
}
