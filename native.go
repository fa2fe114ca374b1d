// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/native"
)

// NativeOpts says how a native histogram chooses its buckets: exponentially, in as
// many as the observations need. The zero NativeOpts are right for most. Native
// buckets travel in protobuf and OpenMetrics 2.0.0 alone; elsewhere the histogram has
// its classic ones, if only the one for +Inf.
//
// See https://prometheus.io/docs/specs/native_histograms/.
type NativeOpts struct {
	// Factor is how many times one bucket's bound may be the one before: the smaller,
	// the finer. What is taken is the largest factor of the form 2^(2^-n), n from -4
	// to 8, that is not above it, or the smallest one that there is. Rounded up, they
	// are 1.0028, 1.0055, 1.0109, 1.0219, 1.0443, 1.0906, 1.1893, 1.4143, 2, 4, 16,
	// 256 and 65536. Zero means 1.1, hence 1.0906: a quantile is wrong by 10 % at most.
	Factor float64

	// ZeroThreshold is up to which distance from zero observations count as zero.
	// Zero means 2^-128, negative zero alone.
	ZeroThreshold float64

	// MaxBuckets is how many buckets each series may have, not counting zero's. Zero
	// means 160, negative no limit. To stay within it, the buckets next to zero are
	// counted as zero as long as MaxZeroThreshold allows it, and after that the
	// resolution is halved, which makes one bucket of two: as often as it takes, down
	// to the factor 65536. There the limit ends: values of all magnitudes and both
	// signs take 146 buckets with the default ZeroThreshold, whatever MaxBuckets says.
	MaxBuckets int

	// MaxZeroThreshold is how far ZeroThreshold may grow, if there are too many
	// buckets. Zero means not at all.
	MaxZeroThreshold float64

	// ResetAfter is when a series begins anew with its original resolution and
	// ZeroThreshold, if it had to give them up: right after the first scrape, in any
	// format, that comes at least so long after its beginning. The scrape still has
	// everything. Then all is set to zero, classic buckets, sum and count too, and the
	// created timestamp says when that was, as after a restart. With several scrapers
	// each but one misses what came after its own scrape before. Reading by Count, Sum,
	// Collect and Gather never does this. Zero means never.
	ResetAfter time.Duration
}

const (
	defaultNativeFactor  = 1.1
	defaultZeroThreshold = 0x1p-128
	defaultMaxBuckets    = 160
)

// nativeShape is what all children of a native histogram share.
type nativeShape struct {
	scale            native.Scale
	maxBuckets       int // negative: no limit
	maxZeroThreshold float64
	resetAfter       time.Duration
}

// define checks o, and leaves what is wrong with it to Register.
func (o NativeOpts) define(d *definition) *nativeShape {
	s := &nativeShape{maxBuckets: max(o.MaxBuckets, -1), maxZeroThreshold: o.MaxZeroThreshold, resetAfter: o.ResetAfter}
	factor := o.Factor
	switch {
	case factor == 0:
		factor = defaultNativeFactor
	case !(factor > 1) || isInf(factor, 1):
		d.fail(wrong(&d.Desc, "the native Factor (%g) must be a number above 1", factor))
		factor = defaultNativeFactor
	}
	s.scale.Schema = native.SchemaOf(factor)
	switch {
	case o.ZeroThreshold == 0:
		s.scale.ZeroThreshold = defaultZeroThreshold
	case o.ZeroThreshold > 0 && !isInf(o.ZeroThreshold, 1):
		s.scale.ZeroThreshold = o.ZeroThreshold
	case o.ZeroThreshold < 0: // zero alone
	default:
		d.fail(wrong(&d.Desc, "the native ZeroThreshold (%g) must be a number", o.ZeroThreshold))
	}
	if o.MaxBuckets == 0 {
		s.maxBuckets = defaultMaxBuckets
	}
	if !(o.MaxZeroThreshold >= 0) || isInf(o.MaxZeroThreshold, 1) || o.MaxZeroThreshold > 0 && o.MaxZeroThreshold < s.scale.ZeroThreshold {
		d.fail(wrong(&d.Desc, "the native MaxZeroThreshold (%g) must be a number, at least the ZeroThreshold (%g)", o.MaxZeroThreshold, s.scale.ZeroThreshold))
		s.maxZeroThreshold = 0
	}
	if o.ResetAfter < 0 {
		d.fail(wrong(&d.Desc, "the native ResetAfter (%v) must not be negative", o.ResetAfter))
		s.resetAfter = 0
	}
	return s
}

// String returns the options that s was made of, with what they were taken for.
func (s *nativeShape) String() string {
	return fmt.Sprintf("%+v", NativeOpts{native.UpperBound(1, s.scale.Schema), s.scale.ZeroThreshold, s.maxBuckets, s.maxZeroThreshold, s.resetAfter})
}

// nativeState is the native part of a histogram. Each shard of the histogram's block
// has buckets of its own, which belong to whoever holds the shard, so they cost an
// observation no further locked instruction, and a snapshot is as whole as that of
// classic buckets.
//
// When all buckets together become too many, a coarser scale is announced, and each
// shard gets there when it is held next. To begin anew, a reader takes what is in
// each shard and leaves it empty: nothing is lost between.
type nativeState struct {
	shards cell.Beside[nativeShard] // of each shard of the block; nil: nothing observed
	home   atomic.Pointer[beside]   // where shards are that other processes see; nil: on the heap
	scale  atomic.Pointer[native.Scale]

	mu      sync.Mutex // of readers, who alone change the following
	created int64      // in nanoseconds since 1970
	coarse  bool       // scale is not the original one
}

// nativeShard is used by whoever holds the shard.
type nativeShard struct {
	scale   *native.Scale // what was announced last time
	buckets native.Buckets
	_       [64]byte // apart from other shards
}

func newNativeState(s *nativeShape, created int64) *nativeState {
	n := &nativeState{created: created}
	n.scale.Store(&s.scale)
	return n
}

// shard returns the buckets of a shard that the caller holds, at the scale that is
// announced.
func (n *nativeState) shard(i int) *native.Buckets {
	at := n.shards.At(i)
	s := *at
	if scale := n.scale.Load(); s == nil || s.scale != scale {
		s = n.rescale(at, i, scale)
	}
	return &s.buckets
}

//go:noinline
func (n *nativeState) rescale(at **nativeShard, i int, scale *native.Scale) *nativeShard {
	s := *at
	if s == nil {
		s = new(nativeShard)
		s.buckets.Reset(*scale)
		if home := n.home.Load(); home != nil {
			(*home).takeBuckets(i, &s.buckets)
		}
		*at = s
	}
	s.scale = scale
	s.buckets.Rescale(*scale) // which a finer scale does nothing to
	return s
}

// move lets the buckets of a shard that the caller holds live in home, and those made from
// now on.
func (n *nativeState) move(i int, home *beside) {
	n.home.Store(home)
	if s := *n.shards.At(i); s != nil {
		(*home).takeBuckets(i, &s.buckets)
	}
}

// began returns when the histogram began, in nanoseconds since 1970.
func (n *nativeState) began() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.created
}

func (h *Histogram) observeNative(v float64) {
	l := h.layout
	bucket := histogramBuckets + l.find(v)
	n := h.more.Load().native
	i, w := h.block.Acquire(l.words())
	if w == nil {
		h.next().Observe(v)
		return
	}
	// The native buckets first: whoever reads the words of a killed process counts on it.
	b := n.shard(i)
	full := b.Observe(v) && l.native.maxBuckets > 0 && b.Populated() > l.native.maxBuckets
	w[bucket]++
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + v)
	h.block.Release(w)
	if full {
		var s histogramSnapshot
		h.snapshot(&s, false) // which announces a scale that fits
	}
}

// snapshotNative adds everything to s. If all buckets together are too many, it
// finds the scale that fits. If that was done before and it is time, the histogram
// begins anew after a scrape. It returns false if h has ended, and s is not whole.
func (h *Histogram) snapshotNative(s *histogramSnapshot, n *nativeState, scrape bool) (whole bool) {
	shape := h.layout.native
	n.mu.Lock()
	defer n.mu.Unlock()
	s.created = instantOf(n.created)
	s.native = &s.ownNative
	s.native.Reset(*n.scale.Load())
	var now int64
	reset := scrape && n.coarse && shape.resetAfter > 0
	if reset {
		now = time.Now().UnixNano()
		reset = time.Duration(now-n.created) >= shape.resetAfter
	}
	if reset {
		n.scale.Store(&shape.scale)
		n.created, n.coarse = now, false
	}
	whole = h.block.Read(h.layout.words(), func(i int, w []uint64) {
		s.add(w)
		shard := *n.shards.At(i)
		if shard == nil {
			return
		}
		s.native.Merge(&shard.buckets)
		if reset {
			clear(w[histogramSum:])
			shard.buckets.Reset(shape.scale)
			shard.scale = &shape.scale
		}
	})
	if s.native.Fit(shape.maxBuckets, shape.maxZeroThreshold) && !reset {
		scale := s.native.Scale()
		n.scale.Store(&scale)
		n.coarse = true
	}
	return whole
}

// The exemplars of a histogram without classic buckets: one for each power of two,
// as far as they go before they meet.
const nativeSlots = 16

// nativeSlot returns which of them an observation of v takes.
func nativeSlot(v float64) int {
	return int(math.Float64bits(v)>>52) % nativeSlots
}

// span is a run of native buckets.
type span struct {
	offset int // from the end of the span before, or from zero
	length int
}

// nativeSpans puts buckets into runs, as formats have them.
type nativeSpans struct {
	spans  []span
	counts []uint64 // of the buckets in all spans
}

// maxGap is how many empty buckets a span may have between others: to write them
// costs less than another span.
const maxGap = 2

// set overwrites n, whose memory it reuses.
func (n *nativeSpans) set(c *native.Counts) {
	n.spans, n.counts = n.spans[:0], n.counts[:0]
	next := 0 // the index after the last bucket
	c.Each(func(index int, count uint64) {
		gap := index - next
		if len(n.spans) == 0 || gap > maxGap {
			n.spans = append(n.spans, span{offset: gap})
			gap = 0
		}
		last := &n.spans[len(n.spans)-1]
		for range gap {
			n.counts = append(n.counts, 0)
		}
		n.counts = append(n.counts, count)
		last.length += gap + 1
		next = index + 1
	})
}
