// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

func TestInfo(t *testing.T) {
	reg := ember.NewRegistry()
	build := ember.Labels{"version": "1.2", "commit": "a\n\"\\"}
	i := reg.NewInfo(ember.InfoOpts{
		Namespace: "shop", Subsystem: "cart", Name: "build_info", Help: "What runs.", ConstLabels: ember.Labels{"zone": "a"},
	}, build)
	build["version"] = "changed" // the labels are the info's own
	require.Equal(t, `# HELP shop_cart_build_info What runs.
# TYPE shop_cart_build_info gauge
shop_cart_build_info{zone="a",commit="a\n\"\\",version="1.2"} 1
`, scrapeOf(t, reg))
	require.Equal(t, ember.Labels{"version": "1.2", "commit": "a\n\"\\"}, i.Labels())
	require.Equal(t, []*metric.Family{{
		Name: "shop_cart_build_info", Help: "What runs.", Kind: metric.Info,
		Points: []metric.Point{{Value: 1, Labels: []metric.Label{
			{Name: "zone", Value: "a"}, {Name: "commit", Value: "a\n\"\\"}, {Name: "version", Value: "1.2"},
		}}},
	}}, gather(t, reg))

	i.Labels()["version"] = "changed"
	fresh := ember.Labels{"flavour": "sweet"} // others than before
	require.NoError(t, i.Set(fresh))
	fresh["flavour"] = "changed"
	require.Equal(t, ember.Labels{"flavour": "sweet"}, i.Labels())
	require.Equal(t, `# HELP shop_cart_build_info What runs.
# TYPE shop_cart_build_info gauge
shop_cart_build_info{zone="a",flavour="sweet"} 1
`, scrapeOf(t, reg))

	for _, none := range []ember.Labels{nil, {}} {
		require.NoError(t, i.Set(none))
		require.Equal(t, ember.Labels{}, i.Labels())
		require.Equal(t, metric.Point{Value: 1, Labels: []metric.Label{{Name: "zone", Value: "a"}}}, pointOf(t, i))
	}
}

func TestInfoWithoutLabels(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewInfo(ember.InfoOpts{Name: "x_info"}, nil)
	require.Equal(t, "# TYPE x_info gauge\nx_info 1\n", scrapeOf(t, reg))
}

// What cannot be exposed is refused when it comes, and changes nothing.
func TestInfoWithBadLabels(t *testing.T) {
	for name, tc := range map[string]struct {
		labels ember.Labels
		want   string
	}{
		"empty name":      {ember.Labels{"": "a"}, `ember: info "x_info": an empty label name`},
		"invalid name":    {ember.Labels{"a\xff": "a"}, `ember: info "x_info": the label name "a\xff" is not valid UTF-8`},
		"reserved name":   {ember.Labels{"__a": "a"}, `ember: info "x_info": the label name "__a" starts with "__", which is reserved`},
		"metric's name":   {ember.Labels{"..name..": "a"}, `ember: info "x_info": the label name "..name.." is written "__name__", which is the metric's name`},
		"constant label":  {ember.Labels{"b": "a", "zone": "a"}, `ember: info "x_info": the label name "zone" stands twice`},
		"written alike":   {ember.Labels{"a.b": "a", "a_b": "a"}, `ember: info "x_info": the label names "a.b" and "a_b" are both written "a_b"`},
		"like a constant": {ember.Labels{"the_zone": "a"}, `ember: info "x_info": the label names "the.zone" and "the_zone" are both written "the_zone"`},
		"the first":       {ember.Labels{"": "a", "__a": "b"}, `ember: info "x_info": an empty label name`},
	} {
		t.Run(name, func(t *testing.T) {
			opts := ember.InfoOpts{Name: "x_info", ConstLabels: ember.Labels{"zone": "a", "the.zone": "b"}}
			i := ember.NewInfo(opts, ember.Labels{"good": "yes"})
			require.EqualError(t, i.Set(tc.labels), tc.want)
			require.Equal(t, ember.Labels{"good": "yes"}, i.Labels())
			require.NoError(t, ember.NewRegistry().Register(i))

			bad := ember.NewInfo(opts, tc.labels)
			require.Empty(t, bad.Labels())
			reg := ember.NewRegistry()
			require.EqualError(t, reg.Register(bad), tc.want)
			require.PanicsWithError(t, tc.want, func() { reg.NewInfo(opts, tc.labels) })
			require.Empty(t, scrapeOf(t, reg))
			require.NoError(t, bad.Set(nil), "works all the same")
			require.EqualError(t, reg.Register(bad), tc.want, "but it stays what it was made")

			// Nor does a bad definition change the labels of the one that is registered.
			reg.MustRegister(i)
			require.PanicsWithError(t, tc.want, func() { reg.NewInfo(opts, tc.labels) })
			require.Equal(t, ember.Labels{"good": "yes"}, i.Labels())
		})
	}
}

func TestInfoWithBadOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ember.InfoOpts
		want string
	}{
		"no name":        {ember.InfoOpts{}, `ember: an info without a name`},
		"invalid name":   {ember.InfoOpts{Name: "\xff"}, `ember: the info name "\xff" is not valid UTF-8`},
		"invalid help":   {ember.InfoOpts{Name: "x_info", Help: "\xff"}, `ember: info "x_info": the help "\xff" is not valid UTF-8`},
		"constant label": {ember.InfoOpts{Name: "x_info", ConstLabels: ember.Labels{"__a": "b"}}, `ember: info "x_info": the label name "__a" starts with "__", which is reserved`},
	} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, ember.NewRegistry().Register(ember.NewInfo(tc.opts, ember.Labels{"a": "b"})), tc.want)
		})
	}
	require.EqualError(t, ember.NewRegistry().Register(new(ember.Info)), `ember: a *ember.Info that was not made by a constructor cannot be registered`)
}

func TestInfoReplacesInvalidUTF8(t *testing.T) {
	i := ember.NewInfo(ember.InfoOpts{Name: "x_info"}, ember.Labels{"a": "b\xffc"})
	require.Equal(t, ember.Labels{"a": "b\uFFFDc"}, i.Labels())
	require.NoError(t, i.Set(ember.Labels{"a": "\xff\xfe", "b": "é"}))
	require.Equal(t, ember.Labels{"a": "\uFFFD", "b": "é"}, i.Labels())
	require.Equal(t, []metric.Label{{Name: "a", Value: "\uFFFD"}, {Name: "b", Value: "é"}}, pointOf(t, i).Labels)
}

// The same definition again is the same info, with the labels of now.
func TestInfoAgain(t *testing.T) {
	reg := ember.NewRegistry()
	opts := ember.InfoOpts{Name: "x_info", Help: "Help."}
	i := reg.NewInfo(opts, ember.Labels{"version": "1"})
	require.Same(t, i, reg.NewInfo(opts, ember.Labels{"version": "2", "commit": "a"}))
	require.Equal(t, ember.Labels{"version": "2", "commit": "a"}, i.Labels())
	require.PanicsWithError(t, `ember: "x_info" has the help "", but is registered with the help "Help."`, func() {
		reg.NewInfo(ember.InfoOpts{Name: "x_info"}, ember.Labels{"version": "3"})
	})
	require.Equal(t, ember.Labels{"version": "2", "commit": "a"}, i.Labels())

	// An equal one ends its exposure, whatever its labels.
	require.True(t, reg.Unregister(ember.NewInfo(opts, nil)))
	require.Empty(t, scrapeOf(t, reg))
}

func TestInfoInSubRegistries(t *testing.T) {
	reg := ember.NewRegistry()
	opts := ember.InfoOpts{Name: "build_info", ConstLabels: ember.Labels{"lang": "go"}}
	reg.Sub("b_", ember.Labels{"zone": "b"}).NewInfo(opts, ember.Labels{"version": "2"})
	i := reg.Sub("a_", ember.Labels{"zone": "a"}).NewInfo(opts, ember.Labels{"version": "1"})
	reg.Sub("a_", ember.Labels{"zone": "c"}).MustRegister(i) // here, too
	const want = `# TYPE a_build_info gauge
a_build_info{zone="a",lang="go",version="1"} 1
a_build_info{zone="c",lang="go",version="1"} 1
# TYPE b_build_info gauge
b_build_info{zone="b",lang="go",version="2"} 1
`
	require.Equal(t, want, scrapeOf(t, reg))

	// The labels of a sub-registry are taken.
	const taken = `ember: info "build_info": the label name "zone" stands twice`
	require.EqualError(t, i.Set(ember.Labels{"zone": "x"}), taken)
	require.EqualError(t, i.Set(ember.Labels{"zone": "a"}), taken)
	require.Equal(t, ember.Labels{"version": "1"}, i.Labels())
	sub := reg.Sub("", ember.Labels{"version": "0", "the.zone": "c"})
	require.EqualError(t, sub.Register(i), `ember: info "build_info": the label name "version" stands twice`)
	require.PanicsWithError(t, `ember: info "build_info": the label names "the.zone" and "the_zone" are both written "the_zone"`, func() {
		sub.NewInfo(opts, ember.Labels{"the_zone": "x"})
	})
	require.NoError(t, i.Set(ember.Labels{"version": "1", "the_zone": "x"}), "what failed has reserved nothing")
	require.NoError(t, i.Set(ember.Labels{"version": "1"}))
	require.Equal(t, want, scrapeOf(t, reg))

	// One that is there already is not changed by labels that it cannot have.
	require.PanicsWithError(t, taken, func() {
		reg.Sub("a_", ember.Labels{"zone": "a"}).NewInfo(opts, ember.Labels{"zone": "x"})
	})
	require.Equal(t, want, scrapeOf(t, reg))
}

// Names of labels are written as each escaping has them.
func TestInfoEscaping(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewInfo(ember.InfoOpts{Name: "the.build_info", ConstLabels: ember.Labels{"c.d": "1"}}, ember.Labels{"a.b": "x", "é\"": "y", "plain": "z"})
	for escaping, want := range map[ember.Escaping]string{
		ember.EscapingUnderscores: `the_build_info{c_d="1",a_b="x",plain="z",__="y"} 1`,
		ember.EscapingAllowUTF8:   `{"the.build_info","c.d"="1","a.b"="x",plain="z","é\""="y"} 1`,
		ember.EscapingDots:        `the_dot_build__info{c_dot_d="1",a_dot_b="x",plain="z",____="y"} 1`,
		ember.EscapingValues:      `U__the_2e_build__info{U__c_2e_d="1",U__a_2e_b="x",plain="z",U___e9__22_="y"} 1`,
	} {
		t.Run(escaping.String(), func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, ember.Write(&b, reg, ember.FormatText1.WithEscaping(escaping)))
			lines := strings.Split(b.String(), "\n")
			require.Len(t, lines, 3)
			require.Equal(t, want, lines[1])
		})
	}
	require.Equal(t, []metric.Label{{Name: "c.d", Value: "1"}, {Name: "a.b", Value: "x"}, {Name: "plain", Value: "z"}, {Name: "é\"", Value: "y"}}, gather(t, reg)[0].Points[0].Labels)
}

// A scrape has the labels of one call of Set, all of them.
func TestInfoIsAtomic(t *testing.T) {
	reg := ember.NewRegistry()
	labels := func(n int) ember.Labels {
		l := make(ember.Labels)
		for i := range n%4 + 1 {
			l["l"+strconv.Itoa(i)] = strconv.Itoa(n)
		}
		return l
	}
	i := reg.NewInfo(ember.InfoOpts{Name: "x_info"}, labels(0))
	check := func(l ember.Labels) {
		n, err := strconv.Atoi(l["l0"])
		if err != nil || len(l) != n%4+1 {
			t.Errorf("labels of several calls: %v", l)
		}
		for _, v := range l {
			if v != l["l0"] {
				t.Errorf("labels of several calls: %v", l)
			}
		}
	}
	var done atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer done.Store(true)
		fromGoroutines(4, func(g int) {
			for n := range 1000 {
				if err := i.Set(labels(g*1000 + n)); err != nil {
					t.Error(err)
				}
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}()
	for !done.Load() {
		check(i.Labels())
		points := gather(t, reg)[0].Points
		require.Len(t, points, 1)
		l := make(ember.Labels)
		for _, x := range points[0].Labels {
			l[x.Name] = x.Value
		}
		check(l)
		require.Equal(t, 2, strings.Count(scrapeOf(t, reg), "\n"))
	}
	<-finished
}
