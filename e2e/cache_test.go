// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
)

// redisCache is what a service writes to measure its Redis.
type redisCache struct {
	client *redis.Client
	ttl    time.Duration
}

func (c redisCache) Get(ctx context.Context, key string) (string, bool, error) {
	v, err := c.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return v, err == nil, err
}

func (c redisCache) Set(ctx context.Context, key, value string) error {
	return c.client.Set(ctx, key, value, c.ttl).Err()
}

func TestRedis(t *testing.T) {
	server, addr := startRedis(t)
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialTimeout: time.Second, DisableIdentity: true})
	defer client.Close()
	ctx := t.Context()

	reg := ember.NewRegistry()
	m := embercache.NewMetrics(reg, embercache.Options{Name: "redis", Latency: true, Entries: func() int {
		n, err := client.DBSize(ctx).Result()
		if err != nil {
			return 0
		}
		return int(n)
	}})
	cache := embercache.Wrap(m, redisCache{client, 0})
	loads := 0
	load := func(_ context.Context, key string) (string, error) {
		loads++
		return "value of " + key, nil
	}
	for i := range 300 {
		v, err := cache.GetOrLoad(ctx, fmt.Sprint(i%100), load)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("value of ", i%100), v)
	}
	requests := func(result string) float64 {
		return value(t, reg, fmt.Sprintf(`cache_requests_total{cache="redis",result=%q}`, result))
	}
	require.Equal(t, 100, loads)
	require.Equal(t, 100.0, value(t, reg, `cache_load_duration_seconds_count{cache="redis"}`))
	require.Equal(t, 100.0, value(t, reg, `cache_sets_total{cache="redis",result="ok"}`))
	require.Equal(t, 100.0, value(t, reg, `cache_entries{cache="redis"}`))
	require.Equal(t, 300.0, value(t, reg, `cache_operation_duration_seconds_count{cache="redis",operation="get"}`))

	// Redis has counted for itself.
	info, err := client.Info(ctx, "stats").Result()
	require.NoError(t, err)
	stat := func(name string) float64 {
		n, err := strconv.ParseFloat(regexp.MustCompile(name + `:(\d+)`).FindStringSubmatch(info)[1], 64)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, stat("keyspace_hits"), requests("hit"))
	require.Equal(t, stat("keyspace_misses"), requests("miss"))
	require.Equal(t, 200.0, requests("hit"))

	// What has expired is a miss.
	brief := embercache.Wrap(m, redisCache{client, time.Millisecond})
	require.NoError(t, brief.Set(ctx, "brief", "value"))
	require.Eventually(t, func() bool {
		_, found, err := brief.Get(ctx, "brief")
		return err == nil && !found
	}, 20*time.Second, 5*time.Millisecond)
	require.Zero(t, requests("error"))
	require.Equal(t, 101.0, requests("miss"))

	// Who has gone away is no error of Redis'.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = cache.Get(gone, "1")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1.0, requests("canceled"))
	require.Zero(t, requests("error"))

	// A type that Redis refuses is one, and so is a server that is not there. The value is
	// loaded all the same.
	require.NoError(t, client.LPush(ctx, "list", "entry").Err())
	_, _, err = cache.Get(ctx, "list")
	require.ErrorContains(t, err, "WRONGTYPE")
	require.Equal(t, 1.0, requests("error"))
	server.stop()
	v, err := cache.GetOrLoad(ctx, "1", load)
	require.NoError(t, err)
	require.Equal(t, "value of 1", v)
	require.Equal(t, 2.0, requests("error"))
	require.Error(t, cache.Set(ctx, "1", "value"))
	require.Equal(t, 1.0, value(t, reg, `cache_sets_total{cache="redis",result="error"}`))
}

func TestLRU(t *testing.T) {
	reg := ember.NewRegistry()
	var users *lru.Cache[int, string]
	m := embercache.NewMetrics(reg, embercache.Options{Name: "users", Entries: func() int { return users.Len() }})
	users, err := lru.NewWithEvict(50, func(int, string) { m.Evicted() })
	require.NoError(t, err)
	cache := embercache.Wrap(m, embercache.Local(users.Get, func(id int, name string) { users.Add(id, name) }))
	for range 2 { // the second time all of them were evicted by those after them
		for id := range 80 {
			name, err := cache.GetOrLoad(t.Context(), id, func(_ context.Context, id int) (string, error) {
				return fmt.Sprint("user ", id), nil
			})
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("user ", id), name)
			_, found, err := cache.Get(t.Context(), id)
			require.NoError(t, err)
			require.True(t, found)
		}
	}
	for sample, want := range map[string]float64{
		`cache_requests_total{cache="users",result="hit"}`:  160,
		`cache_requests_total{cache="users",result="miss"}`: 160,
		`cache_loads_total{cache="users",result="ok"}`:      160,
		`cache_sets_total{cache="users",result="ok"}`:       160,
		`cache_evictions_total{cache="users"}`:              110,
		`cache_entries{cache="users"}`:                      50,
	} {
		require.Equal(t, want, value(t, reg, sample), sample)
	}
}
