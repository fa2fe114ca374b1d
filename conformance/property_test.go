// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
)

// rounds is how many random registries are judged.
const rounds = 200

// Whatever is in a registry, every judge reads it from every format as it is meant.
func TestJudgesReadWhatIsMeant(t *testing.T) {
	needPython(t)
	r := random(t)
	for range rounds {
		w := newWorld(t, r)
		families, err := w.reg.Gather()
		require.NoError(t, err)
		for _, wire := range wires {
			requireAgreement(t, families, written(t, w.reg, wire), wire)
			requireLikeCommon(t, families, wire)
		}
	}
}

// A family that is larger than a message of protobuf becomes is the same in every
// format.
func TestJudgesReadLargeFamilies(t *testing.T) {
	r := random(t)
	reg := ember.NewRegistry()
	counters := reg.NewCounterVec(ember.CounterOpts{Name: "c_total", Help: "C.", Unit: "s"}, "a", "b")
	native := reg.NewHistogramVec(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}}, "a")
	for i := range 1500 {
		n := strconv.Itoa(i)
		counters.With(n, strings.Repeat("x", r.IntN(1500))).Add(r.Float64())
		for range 40 {
			native.With(n).Observe(r.NormFloat64())
		}
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	messages, err := judge.Messages(written(t, reg, protobuf))
	require.NoError(t, err)
	require.Greater(t, len(messages), 4, "several of each family")
	for _, m := range messages {
		require.Less(t, proto.Size(m), 300<<10)
	}
	for _, w := range wires {
		// Prometheus looks for lines of creation that are not there again and again.
		if w.escaping == ember.EscapingUnderscores && w.created == w.isOpenMetrics1() {
			requireAgreement(t, families, written(t, reg, w), w)
		}
	}
}
