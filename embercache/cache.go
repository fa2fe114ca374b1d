// SPDX-License-Identifier: Apache-2.0

package embercache

import (
	"context"
	"errors"
	"time"

	"github.com/embermetrics/ember"
)

// Cache is what a cache must be able to do to be measured. How long entries live, and
// which are evicted, is its own affair.
type Cache[K, V any] interface {
	// Get returns the value of a key and true, or false if there is none. An error says
	// that the cache could not tell.
	Get(ctx context.Context, key K) (value V, found bool, err error)
	// Set gives a key a value.
	Set(ctx context.Context, key K, value V) error
}

// Local returns a Cache of two functions that cannot fail.
func Local[K, V any](get func(K) (V, bool), set func(K, V)) Cache[K, V] {
	return local[K, V]{get, set}
}

type local[K, V any] struct {
	get func(K) (V, bool)
	set func(K, V)
}

func (l local[K, V]) Get(_ context.Context, key K) (V, bool, error) {
	v, found := l.get(key)
	return v, found, nil
}

func (l local[K, V]) Set(_ context.Context, key K, value V) error {
	l.set(key, value)
	return nil
}

// Measured is a Cache that is measured. Its methods may be called by as many goroutines
// as the cache's own. Create one with Wrap; the zero Measured is not usable.
type Measured[K, V any] struct {
	cache Cache[K, V]
	m     *Metrics
}

// Wrap returns c measured by m.
func Wrap[K, V any](m *Metrics, c Cache[K, V]) *Measured[K, V] { return &Measured[K, V]{c, m} }

// Unwrap returns the cache that is measured.
func (c *Measured[K, V]) Unwrap() Cache[K, V] { return c.cache }

// Get asks the cache, and counts a hit, a miss or an error. A cache that panics has
// failed, here and in Set, and the panic goes on.
func (c *Measured[K, V]) Get(ctx context.Context, key K) (value V, found bool, err error) {
	err = errPanicked
	defer c.m.asked(ctx, now(c.m.get), &found, &err)
	return c.cache.Get(ctx, key)
}

// Set gives the cache a value, and counts that or an error.
func (c *Measured[K, V]) Set(ctx context.Context, key K, value V) (err error) {
	err = errPanicked
	defer c.m.given(ctx, now(c.m.set), &err)
	return c.cache.Set(ctx, key, value)
}

// GetOrLoad returns the value of a key from the cache, or else from load, and gives the
// cache what was loaded.
//
// A cache that fails is counted and otherwise passed over: the value is loaded, and is not
// set if getting it failed already. So the error is load's, or the cache's if the context
// has ended before load. A load that panics counts as failed, and the panic goes on.
//
// Goroutines that miss the same key at once all load it; where that hurts, load should
// merge them, as golang.org/x/sync/singleflight does.
func (c *Measured[K, V]) GetOrLoad(ctx context.Context, key K, load func(context.Context, K) (V, error)) (V, error) {
	value, found, broken := c.Get(ctx, key)
	if broken == nil && found || broken != nil && ctx.Err() != nil {
		return value, broken
	}
	value, err := c.load(ctx, key, load)
	if err == nil && broken == nil {
		_ = c.Set(ctx, key, value) // which counts what fails
	}
	return value, err
}

func (c *Measured[K, V]) load(ctx context.Context, key K, load func(context.Context, K) (V, error)) (value V, err error) {
	err = errPanicked
	defer c.m.loaded(ctx, time.Now(), &err)
	return load(ctx, key)
}

// errPanicked stands for the error of a call that did not return.
var errPanicked = errors.New("ember: the cache or its load panicked")

// asked, given and loaded record a call that began at start and ended with *err, which is
// errPanicked if it did not return.
func (m *Metrics) asked(ctx context.Context, start time.Time, found *bool, err *error) {
	since(ctx, m.get, start)
	if *err == nil && !*found {
		m.misses.IncContext(ctx)
	} else {
		m.requests.count(ctx, *err)
	}
}

func (m *Metrics) given(ctx context.Context, start time.Time, err *error) {
	since(ctx, m.set, start)
	m.sets.count(ctx, *err)
}

func (m *Metrics) loaded(ctx context.Context, start time.Time, err *error) {
	m.Loaded(ctx, start, *err)
}

// now is when something begins that h measures. Nobody reads the clock if h is nil.
func now(h *ember.Histogram) (t time.Time) {
	if h != nil {
		t = time.Now()
	}
	return t
}

func since(ctx context.Context, h *ember.Histogram, start time.Time) {
	if h != nil {
		h.ObserveContext(ctx, time.Since(start).Seconds())
	}
}
