// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// reader is a judge with one way of reading.
type reader struct {
	name  string // of the way
	judge string
	// looks returns how it looks at what is written so, if it can read it at all.
	looks func(w wire) (r reading, ok bool)
	read  func(t testing.TB, data []byte, w wire) (*judge.Exposition, error)
}

// The judges, as the table of differences calls them.
const (
	prometheus = "prometheus"
	common     = "prometheus/common"
	pythonName = "client_python"
)

var readers = []reader{
	{
		name: "prometheus", judge: prometheus,
		looks: func(w wire) (reading, bool) { return reading{wire: w}, true },
		read: func(_ testing.TB, data []byte, w wire) (*judge.Exposition, error) {
			return judge.Prometheus(w.format().ContentType(), data, judge.Options{})
		},
	}, {
		name: "prometheus that reads lines of creation", judge: prometheus,
		looks: func(w wire) (reading, bool) { return reading{wire: w, createdRead: true}, w.isOpenMetrics1() },
		read: func(_ testing.TB, data []byte, w wire) (*judge.Exposition, error) {
			return judge.Prometheus(w.format().ContentType(), data, judge.Options{ReadCreated: true})
		},
	}, {
		name: "prometheus without native histograms", judge: prometheus,
		looks: func(w wire) (reading, bool) {
			return reading{wire: w, classicOnly: true}, w.base == ember.FormatProtobuf || w.base == ember.FormatOpenMetrics2
		},
		read: func(_ testing.TB, data []byte, w wire) (*judge.Exposition, error) {
			return judge.Prometheus(w.format().ContentType(), data, judge.Options{ClassicOnly: true})
		},
	}, {
		name: "common", judge: common,
		looks: func(w wire) (reading, bool) {
			return reading{wire: w}, w.isText() || w.base == ember.FormatProtobuf
		},
		read: func(_ testing.TB, data []byte, w wire) (*judge.Exposition, error) {
			if w.base == ember.FormatProtobuf {
				return judge.Protobuf(data)
			}
			return judge.Text(data, w.escaping == ember.EscapingAllowUTF8)
		},
	}, {
		name: "client_python", judge: pythonName,
		looks: func(w wire) (reading, bool) { return reading{wire: w}, w.isOpenMetrics1() },
		read: func(t testing.TB, data []byte, _ wire) (*judge.Exposition, error) {
			return readPython(t, data)
		},
	},
}

// requireAgreement fails unless every judge that can read data reads what families
// mean, but for the differences that are listed. It returns which of those mattered.
func requireAgreement(t testing.TB, families []*metric.Family, data []byte, w wire) (mattered map[string]bool) {
	t.Helper()
	mattered = make(map[string]bool)
	for _, r := range readers {
		looks, ok := r.looks(w)
		if !ok {
			continue
		}
		want, err := meant(families, &looks)
		require.NoError(t, err, "%v", w)
		refusal := ""
		for _, d := range differences {
			if d.judge != r.judge {
				continue
			}
			if d.change != nil && d.change(looks, want) {
				mattered[d.name] = true
			}
			if d.refuses != nil && refusal == "" {
				if refusal = d.refuses(looks, want); refusal != "" {
					mattered[d.name] = true
				}
			}
		}
		got, err := r.read(t, data, w)
		if refusal != "" {
			require.ErrorContains(t, err, refusal, "%s of %v, in:\n%s", r.name, w, shown(data))
			continue
		}
		if err != nil {
			t.Fatalf("%s of %v: %v, in:\n%s", r.name, w, err, shown(data))
		}
		if diff := judge.Diff(want, got, 8); diff != "" {
			t.Fatalf("%s of %v differs:\n%s\nin:\n%s", r.name, w, diff, shown(data))
		}
		require.Equal(t, want, got) // and in case that Diff overlooks something
	}
	return mattered
}

// shown returns data as far as a person reads it.
func shown(data []byte) []byte {
	const limit = 8 << 10
	if len(data) > limit {
		return append(append([]byte(nil), data[:limit]...), "…"...)
	}
	return data
}
