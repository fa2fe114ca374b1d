// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// The labels of a series, as an HTTP service has them.
var labelNames = []string{"method", "path", "status"}

var (
	methods  = [...][]byte{[]byte("GET"), []byte("PUT"), []byte("POST"), []byte("DELETE")}
	statuses = [...][]byte{[]byte("200"), []byte("201"), []byte("301"), []byte("404"), []byte("500")}
)

// labels are the label values of one series at a time, as bytes: from the network,
// say. Whoever needs strings builds them.
type labels struct {
	method, path, status []byte
	at                   uint32 // in picks
}

func newLabels() *labels { return &labels{at: rand.Uint32()} }

// series sets the values of the i-th series. All series differ.
func (l *labels) series(i int) {
	l.method = methods[i%len(methods)]
	i /= len(methods)
	l.status = statuses[i%len(statuses)]
	i /= len(statuses)
	l.path = strconv.AppendInt(append(l.path[:0], "/api/items/"...), int64(i), 10)
}

// next sets the values of the series that is picked next.
func (l *labels) next(p *picks) {
	l.at++
	l.series(int(p[l.at%uint32(len(p))]))
}

// picks are series in the order in which they come up, made beforehand: a step through
// them costs less than a nanosecond. The i-th most frequent of them comes up about 1/i
// times as often as the first, as paths, users and customers do. Of 100,000 series four
// in ten come up at all.
type picks [1 << 18]uint32

// picksOf returns picks of so many series.
func picksOf(series int) *picks {
	p := new(picks)
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, uint64(series-1))
	for i := range p {
		p[i] = uint32(z.Uint64())
	}
	return p
}

// latencies are seconds as services see them: half below 20 ms, one in a hundred
// above 200 ms, spread over most of the default buckets. The same in each process.
var latencies = func() (l [1024]float64) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range l {
		l[i] = 0.02 * math.Exp(r.NormFloat64())
	}
	return l
}()

// quantiles of the summaries, and the error that client_golang is told to accept.
var (
	quantiles  = []float64{0.5, 0.9, 0.99}
	objectives = map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001}
)
