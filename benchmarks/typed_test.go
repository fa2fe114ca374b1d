// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"strconv"
	"testing"

	"github.com/embermetrics/ember"
)

// BenchmarkTyped finds a series by a struct, which impl=typed does, and by the same values
// one by one, and adds one: by constants, or by values that are made for the purpose.
func BenchmarkTyped(b *testing.B) {
	type texts struct{ Method, Path, Status string }
	type numbers struct {
		Method, Path string
		Status       int
	}
	type enums struct {
		Method  string
		Outcome outcome
		Cached  bool
	}
	opts := ember.CounterOpts{Name: "x_total"}
	const series = 1_000
	methods, paths := make([][]byte, series), make([][]byte, series)
	for i := range series {
		l := labels{}
		l.series(i)
		methods[i], paths[i] = l.method, l.path
	}
	plain := func() *ember.CounterVec { return ember.NewCounterVec(opts, labelNames...) }

	for _, c := range []struct {
		name         string
		plain, typed func() updates
	}{
		{"fields=strings/values=constant", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for range n {
					v.With("GET", "/api/items/{id}", "200").Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[texts](opts)
			return func(n int, _ rounds) {
				for range n {
					v.With(texts{"GET", "/api/items/{id}", "200"}).Inc()
				}
			}
		}},
		{"fields=int/values=constant", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for range n {
					v.With("GET", "/api/items/{id}", "200").Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[numbers](opts)
			return func(n int, _ rounds) {
				for range n {
					v.With(numbers{"GET", "/api/items/{id}", 200}).Inc()
				}
			}
		}},
		{"fields=enum,bool/values=constant", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for range n {
					v.With("GET", "failed", "true").Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[enums](opts)
			return func(n int, _ rounds) {
				for range n {
					v.With(enums{"GET", failed, true}).Inc()
				}
			}
		}},
		{"fields=strings/values=built", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for i := range n {
					v.With(string(methods[i%series]), string(paths[i%series]), "200").Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[texts](opts)
			return func(n int, _ rounds) {
				for i := range n {
					v.With(texts{string(methods[i%series]), string(paths[i%series]), "200"}).Inc()
				}
			}
		}},
		{"fields=int/values=built", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for i := range n {
					v.With(string(methods[i%series]), "/api/items/{id}", strconv.Itoa(200+i%series)).Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[numbers](opts)
			return func(n int, _ rounds) {
				for i := range n {
					v.With(numbers{string(methods[i%series]), "/api/items/{id}", 200 + i%series}).Inc()
				}
			}
		}},
		{"fields=enum,bool/values=built", func() updates {
			v := plain()
			return func(n int, _ rounds) {
				for i := range n {
					v.With(string(methods[i%series]), outcome(i%2).String(), strconv.FormatBool(i%3 == 0)).Inc()
				}
			}
		}, func() updates {
			v := ember.NewCounterVecOf[enums](opts)
			return func(n int, _ rounds) {
				for i := range n {
					v.With(enums{string(methods[i%series]), outcome(i % 2), i%3 == 0}).Inc()
				}
			}
		}},
	} {
		b.Run(c.name+"/impl=ember", timed(c.plain, 1, 0))
		b.Run(c.name+"/impl=typed", timed(c.typed, 1, 0))
	}
}

// outcome is a label by its String method.
type outcome uint8

const (
	done outcome = iota
	failed
)

func (o outcome) String() string { return [...]string{"done", "failed"}[o] }
