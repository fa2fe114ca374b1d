// SPDX-License-Identifier: Apache-2.0

// Package embercache measures caches: hits, misses and errors, how long it takes to
// load what was not there, and evictions.
//
//	m := embercache.NewMetrics(reg, embercache.Options{Name: "users"})
//	users, err := lru.NewWithEvict(10_000, func(int, *User) { m.Evicted() })
//	cache := embercache.Wrap(m, embercache.Local(users.Get, func(id int, u *User) { users.Add(id, u) }))
//
//	user, err := cache.GetOrLoad(ctx, id, loadUser) // from the cache, or else from the database
//
// A cache is whatever has the two methods of [Cache]. [Local] makes one of two functions
// that cannot fail, as those of caches within the process; for one behind a network it
// takes a type with the two methods, which says what "not found" is there:
//
//	func (c redisCache) Get(ctx context.Context, key string) (string, bool, error) {
//		v, err := c.client.Get(ctx, key).Result()
//		if errors.Is(err, redis.Nil) {
//			return "", false, nil
//		}
//		return v, err == nil, err
//	}
//
// Caches that have methods of another form can be counted by hand, with those of
// [Metrics].
//
// # What is measured
//
//	cache_requests_total{cache,result}               counter; hit, miss, error or canceled
//	cache_sets_total{cache,result}                   counter; ok, error or canceled
//	cache_loads_total{cache,result}                  counter; ok, error or canceled
//	cache_load_duration_seconds{cache}               histogram; of all loads, failed ones too
//	cache_evictions_total{cache}                     counter; what was reported by Evicted
//	cache_entries{cache}                             gauge; with Options.Entries
//	cache_operation_duration_seconds{cache,operation} histogram of get and set; with Options.Latency
//
// All series but the last ones are there from the beginning, at zero. No label holds a
// key or a value of a cache. Canceled is what failed because its caller went away, which
// is not the cache's fault; a deadline that passed is an error, for a slow cache misses
// them. The ratio of hits is
//
//	sum(rate(cache_requests_total{result="hit"}[5m])) / sum(rate(cache_requests_total{result=~"hit|miss|error"}[5m]))
//
// A server such as Redis evicts on its own and tells nobody, so its evictions are to be
// had from itself.
//
// # What it costs
//
// A request costs the increment of a counter, and no allocation. Time is read for loads,
// and with Options.Latency for each request, which a cache within the process would feel.
package embercache
