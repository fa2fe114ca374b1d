// SPDX-License-Identifier: Apache-2.0

//go:build !race

package embercache_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
)

// one is a cache of one key.
type one struct{}

func (one) Get(_ context.Context, key string) (int, bool, error) {
	if key == "broken" {
		return 0, false, errBroken
	}
	return 1, key == "one", nil
}
func (one) Set(context.Context, string, int) error { return nil }

func TestAllocations(t *testing.T) {
	ctx := t.Context()
	for name, opts := range map[string]embercache.Options{"plain": {}, "with latency": {Latency: true}} {
		t.Run(name, func(t *testing.T) {
			m := embercache.NewMetrics(ember.NewRegistry(), opts)
			c := embercache.Wrap(m, one{})
			load := func(context.Context, string) (int, error) { return 2, nil }
			for what, do := range map[string]func(){
				"hit":         func() { c.Get(ctx, "one") },
				"miss":        func() { c.Get(ctx, "two") },
				"error":       func() { c.Get(ctx, "broken") },
				"set":         func() { c.Set(ctx, "two", 2) },
				"hit or load": func() { c.GetOrLoad(ctx, "one", load) },
				"load":        func() { c.GetOrLoad(ctx, "two", load) },
				"by hand":     func() { m.Hit(); m.Miss(); m.Evicted(); m.EvictedMany(2); m.Loaded(ctx, time.Now(), nil) },
			} {
				do()
				require.Zero(t, testing.AllocsPerRun(1000, do), what)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	ctx := b.Context()
	for name, c := range map[string]embercache.Cache[string, int]{
		"bare":    one{},
		"wrapped": embercache.Wrap(embercache.NewMetrics(ember.NewRegistry(), embercache.Options{}), one{}),
		"latency": embercache.Wrap(embercache.NewMetrics(ember.NewRegistry(), embercache.Options{Latency: true}), one{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Get(ctx, "one")
			}
		})
	}
}
