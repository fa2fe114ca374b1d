// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// The source of the registry is asked when an exemplar is due, and only then.
func TestExemplarSource(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		asked := 0
		reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
			asked++
			return traceOf(ctx)
		}))
		created := time.Now()
		x.context(withTrace("too early"), 1)
		require.Zero(t, asked)
		require.Empty(t, exemplarsOf(t, x))

		reg.MustRegister(x.Collector)
		x.context(t.Context(), 1)
		x.context(t.Context(), 1)
		require.Equal(t, 2, asked)
		require.Empty(t, exemplarsOf(t, x))
		x.context(withTrace("a"), 1)
		require.Equal(t, 3, asked)
		require.Equal(t, exemplars{x.slot: kept("a", 1, created)}, exemplarsOf(t, x))
		for range 100 {
			x.context(withTrace("b"), 1)
		}
		require.Equal(t, 3, asked)
		sleep(time.Second)
		x.context(t.Context(), 1)
		require.Equal(t, exemplars{x.slot: kept("a", 1, created)}, exemplarsOf(t, x), "none is no reason to drop one")
		x.context(withTrace("c"), 1)
		x.context(withTrace("d"), 1)
		require.Equal(t, 5, asked)
		require.Equal(t, exemplars{x.slot: kept("c", 1, created.Add(time.Second))}, exemplarsOf(t, x))

		// One that comes with the call is as good.
		sleep(time.Second)
		x.labels(1, trace("e"))
		x.context(withTrace("f"), 1)
		require.Equal(t, 5, asked)
		require.Equal(t, exemplars{x.slot: kept("e", 1, created.Add(2*time.Second))}, exemplarsOf(t, x))

		require.True(t, reg.Unregister(x.Collector))
		sleep(time.Second)
		x.context(withTrace("too late"), 1)
		require.Equal(t, 5, asked)
		p := pointOf(t, x)
		require.Equal(t, 110.0, p.Value+float64(p.Count))
	})
}

func TestIncContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry(ember.WithExemplarSource(traceOf))
		c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
		v := reg.NewCounterVec(ember.CounterOpts{Name: "y_total"}, "a")
		c.IncContext(withTrace("a"))
		v.With("b").IncContext(withTrace("b"))
		require.Equal(t, kept("a", 1, time.Now()), pointOf(t, c).Exemplar)
		require.Equal(t, kept("b", 1, time.Now()), pointOf(t, v.With("b")).Exemplar)
		require.Equal(t, 1.0, c.Value())
	})
}

// Without a source, contexts are of no interest: not even nil ones.
func TestNoExemplarSource(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		for _, reg := range []*ember.Registry{ember.NewRegistry(), ember.NewRegistry(ember.WithExemplarSource(nil))} {
			reg.MustRegister(x.Collector)
			x.context(nil, 1) //nolint:staticcheck // on purpose
			x.context(withTrace("a"), 1)
			require.Empty(t, exemplarsOf(t, x))
		}
	})
}

// In two registries, it is the one registered in last that is asked.
func TestExemplarSourceOfTheLastRegistry(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		source := func(id string) ember.RegistryOption {
			return ember.WithExemplarSource(func(context.Context) ember.Labels { return trace(id) })
		}
		first, last := ember.NewRegistry(source("first")), ember.NewRegistry(source("last"))
		first.MustRegister(x.Collector)
		last.Sub("y_", nil).MustRegister(x.Collector)
		x.context(t.Context(), 1)
		require.Equal(t, exemplars{x.slot: kept("last", 1, time.Now())}, exemplarsOf(t, x))

		// What could not be registered has changed nothing.
		require.Error(t, first.Register(x.Collector))
		sleep(time.Second)
		x.context(t.Context(), 1)
		require.Equal(t, exemplars{x.slot: kept("last", 1, time.Now())}, exemplarsOf(t, x))
	})
}

// A source that panics costs the exemplar, not the update.
func TestExemplarSourcePanics(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		logged := captureLog(t)
		reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
			if ctx.Value(traceKey{}) == nil {
				panic("no trace")
			}
			return traceOf(ctx)
		}))
		reg.MustRegister(x.Collector)
		x.context(t.Context(), 1)
		x.context(t.Context(), 1)
		require.Empty(t, exemplarsOf(t, x))
		require.Contains(t, scrapeOf(t, reg), "ember_invalid_exemplars_total{reason=\"source_panicked\"} 2\n")
		require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
		require.Contains(t, logged.String(), `level=WARN msg="ember: exemplar dropped; further ones are only counted" metric=x`)
		require.Contains(t, logged.String(), ` reason=source_panicked`)
		x.context(withTrace("a"), 1)
		require.Equal(t, exemplars{x.slot: kept("a", 1, time.Now())}, exemplarsOf(t, x))
		p := pointOf(t, x)
		require.Equal(t, 3.0, p.Value+float64(p.Count))
	})
}
