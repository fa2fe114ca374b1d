// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// created returns when each series that g exposes began, by name and label values, as
// Gather and protobuf have it. The zero time: it has no beginning.
func created(t *testing.T, g ember.Gatherer) map[string]time.Time {
	t.Helper()
	gathered := make(map[string]time.Time)
	for _, f := range gather(t, g) {
		for _, p := range f.Points {
			id := f.Name
			for _, l := range p.Labels {
				id += " " + l.Value
			}
			gathered[id] = p.Created.UTC()
			if p.Created.IsZero() {
				gathered[id] = time.Time{}
			}
		}
	}
	read := make(map[string]time.Time)
	for name, metrics := range scrapeProtobuf(t, g) {
		for _, m := range metrics {
			id := name
			for _, l := range m.GetLabel() {
				id += " " + l.GetValue()
			}
			read[id] = createdOf(m)
		}
	}
	require.Equal(t, gathered, read)
	return gathered
}

func createdOf(m *dto.Metric) time.Time {
	stamp := m.GetCounter().GetCreatedTimestamp()
	if h := m.GetHistogram(); h != nil {
		stamp = h.GetCreatedTimestamp()
	} else if s := m.GetSummary(); s != nil {
		stamp = s.GetCreatedTimestamp()
	}
	if stamp == nil {
		return time.Time{}
	}
	return stamp.AsTime()
}

// A series began when it was created: not when it was registered, updated or scraped.
func TestCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		want := make(map[string]time.Time)
		// began notes when what comes next begins.
		began := func(id string) {
			time.Sleep(time.Minute + 7*time.Nanosecond)
			want[id] = time.Now().UTC()
		}
		begun := func(id string, c ember.Collector) {
			time.Sleep(time.Minute)
			reg.MustRegister(c)
		}
		native := &ember.NativeOpts{}

		began("c_total")
		c := ember.NewCounter(ember.CounterOpts{Name: "c_total"})
		begun("c_total", c)
		began("h")
		h := ember.NewHistogram(ember.HistogramOpts{Name: "h"})
		begun("h", h)
		began("n")
		n := ember.NewHistogram(ember.HistogramOpts{Name: "n", Native: native})
		begun("n", n)
		began("s")
		s := ember.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
		begun("s", s)

		cs := reg.NewCounterVec(ember.CounterOpts{Name: "cs_total"}, "l")
		hs := reg.NewHistogramVec(ember.HistogramOpts{Name: "hs"}, "l")
		ns := reg.NewHistogramVec(ember.HistogramOpts{Name: "ns", Native: native}, "l")
		ss := reg.NewSummaryVec(ember.SummaryOpts{Name: "ss"}, "l")
		for _, l := range []string{"a", "b"} {
			began("cs_total " + l)
			cs.With(l)
			began("hs " + l)
			hs.With(l)
			began("ns " + l)
			ns.With(l)
			began("ss " + l)
			ss.With(l)
		}

		// What only has a value now has no beginning, nor has what somebody else counts.
		reg.NewGauge(ember.GaugeOpts{Name: "g"})
		reg.NewInfo(ember.InfoOpts{Name: "i_info"}, nil)
		reg.NewStateSet(ember.StateSetOpts{Name: "st"}, "a")
		reg.NewCounterFunc(ember.CounterOpts{Name: "f_total"}, func() float64 { return 1 })
		cs.SetFunc(func() float64 { return 1 }, "f")
		for _, id := range []string{"g", "i_info", "st a", "f_total", "cs_total f"} {
			want[id] = time.Time{}
		}

		require.Equal(t, want, created(t, reg))
		time.Sleep(time.Hour)
		c.Inc()
		h.Observe(1)
		n.Observe(1)
		s.Observe(1)
		cs.With("a").Inc()
		hs.With("a").Observe(1)
		ns.With("b").Observe(1)
		ss.With("b").Observe(1)
		require.Equal(t, want, created(t, reg))

		// A series that was deleted begins anew.
		cs.Delete("a")
		hs.Delete("a")
		ns.Reset()
		ss.Reset()
		delete(want, "ns a")
		delete(want, "ss b")
		for _, id := range []string{"cs_total a", "hs a", "ns b", "ss a"} {
			want[id] = time.Now().UTC()
		}
		cs.With("a")
		hs.With("a")
		ns.With("b")
		ss.With("a")
		require.Equal(t, want, created(t, reg))
	})
}

// Collected points began when their collector says.
func TestCreatedOfCollectors(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 1, time.UTC)
	reg := ember.NewRegistry()
	reg.MustRegister(&funcCollector{func(out *metric.Sink) {
		out.Add(&metric.Desc{Name: "c_total", Kind: metric.Counter}, metric.Point{Created: at})
		out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{Created: at.Add(1)})
		out.Add(&metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{Created: at.Add(2)})
		out.Add(&metric.Desc{Name: "none_total", Kind: metric.Counter}, metric.Point{})
	}})
	require.Equal(t, map[string]time.Time{"c_total": at, "h": at.Add(1), "s": at.Add(2), "none_total": {}}, created(t, reg))
}
