// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

func TestStateSet(t *testing.T) {
	reg := ember.NewRegistry()
	states := []string{"open", "half open", "closed"}
	s := reg.NewStateSet(ember.StateSetOpts{
		Namespace: "shop", Subsystem: "db", Name: "breaker", Help: "What the breaker does.", ConstLabels: ember.Labels{"zone": "a"},
	}, states...)
	states[0] = "changed" // the states are the set's own
	exposed := func(closed, half, open int) string {
		return fmt.Sprintf(`# HELP shop_db_breaker What the breaker does.
# TYPE shop_db_breaker gauge
shop_db_breaker{zone="a",shop_db_breaker="closed"} %d
shop_db_breaker{zone="a",shop_db_breaker="half open"} %d
shop_db_breaker{zone="a",shop_db_breaker="open"} %d
`, closed, half, open)
	}
	require.Equal(t, exposed(0, 0, 0), scrapeOf(t, reg))
	require.Empty(t, s.On())

	s.Switch("open")
	require.Equal(t, exposed(0, 0, 1), scrapeOf(t, reg))
	require.Equal(t, []string{"open"}, s.On())
	s.Switch("closed")
	s.Switch("closed")
	require.Equal(t, exposed(1, 0, 0), scrapeOf(t, reg))
	require.Equal(t, []string{"closed"}, s.On())

	s.Set("open", true)
	s.Set("half open", true)
	s.Set("half open", true)
	require.Equal(t, exposed(1, 1, 1), scrapeOf(t, reg))
	require.Equal(t, []string{"closed", "half open", "open"}, s.On())
	s.Set("closed", false)
	s.Set("closed", false)
	require.Equal(t, exposed(0, 1, 1), scrapeOf(t, reg))
	s.Switch("half open")
	require.Equal(t, exposed(0, 1, 0), scrapeOf(t, reg))
	s.Set("half open", false)
	require.Equal(t, exposed(0, 0, 0), scrapeOf(t, reg))

	require.Equal(t, []*metric.Family{{
		Name: "shop_db_breaker", Help: "What the breaker does.", Kind: metric.StateSet,
		Points: []metric.Point{
			{Labels: []metric.Label{{Name: "zone", Value: "a"}, {Name: "shop_db_breaker", Value: "closed"}}},
			{Labels: []metric.Label{{Name: "zone", Value: "a"}, {Name: "shop_db_breaker", Value: "half open"}}},
			{Labels: []metric.Label{{Name: "zone", Value: "a"}, {Name: "shop_db_breaker", Value: "open"}}},
		},
	}}, gather(t, reg))
}

func TestStateSetDropsUnknownStates(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	s := reg.NewStateSet(ember.StateSetOpts{Name: "x"}, "a", "b")
	s.Switch("a")
	s.Switch("c")
	s.Set("d", true)
	s.Set("", false)
	require.Equal(t, []string{"a"}, s.On())
	require.Equal(t, `# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="unknown_state"} 3
# TYPE x gauge
x{x="a"} 1
x{x="b"} 0
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: update dropped; further ones are only counted" metric=x state=c reason=unknown_state
`, logged.String())
}

// As many states as there may be, each by itself and all together.
func TestStateSetOf64(t *testing.T) {
	var states []string
	for i := range 64 {
		states = append(states, fmt.Sprintf("%02d", i))
	}
	s := ember.NewStateSet(ember.StateSetOpts{Name: "x"}, states...)
	for _, state := range states {
		s.Switch(state)
		require.Equal(t, []string{state}, s.On())
	}
	for _, state := range states {
		s.Set(state, true)
	}
	require.Equal(t, states, s.On())
	for i, state := range states {
		s.Set(state, false)
		require.Equal(t, states[i+1:], append([]string{}, s.On()...))
	}
	require.NoError(t, ember.NewRegistry().Register(s))
}

func TestStateSetOfUnusualStates(t *testing.T) {
	reg := ember.NewRegistry()
	s := reg.NewStateSet(ember.StateSetOpts{Name: "x"}, "", "\n\"\\", "é")
	s.Switch("\n\"\\")
	require.Equal(t, "# TYPE x gauge\nx{x=\"\"} 0\nx{x=\"\\n\\\"\\\\\"} 1\nx{x=\"é\"} 0\n", scrapeOf(t, reg))
	require.Equal(t, []string{"\n\"\\"}, s.On())
}

func TestStateSetWithBadOptions(t *testing.T) {
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprint(i))
	}
	two := []string{"a", "b"}
	for name, tc := range map[string]struct {
		opts   ember.StateSetOpts
		states []string
		want   string
	}{
		"no states":           {ember.StateSetOpts{Name: "x"}, nil, `ember: stateset "x" has 0 states; there must be between 1 and 64`},
		"65 states":           {ember.StateSetOpts{Name: "x"}, many, `ember: stateset "x" has 65 states; there must be between 1 and 64`},
		"twice":               {ember.StateSetOpts{Name: "x"}, []string{"b", "a", "b"}, `ember: stateset "x": the state "b" stands twice`},
		"invalid state":       {ember.StateSetOpts{Name: "x"}, []string{"a", "\xff"}, `ember: stateset "x": the state "\xff" is not valid UTF-8`},
		"no name":             {ember.StateSetOpts{}, two, `ember: a stateset without a name`},
		"invalid name":        {ember.StateSetOpts{Name: "\xff"}, two, `ember: the stateset name "\xff" is not valid UTF-8`},
		"colon in the name":   {ember.StateSetOpts{Name: "a:b"}, two, `ember: stateset "a:b": the name is that of a label too, which must not contain a colon`},
		"reserved name":       {ember.StateSetOpts{Name: "__x"}, two, `ember: stateset "__x": the label name "__x" starts with "__", which is reserved`},
		"name of the name":    {ember.StateSetOpts{Name: "..name.."}, two, `ember: stateset "..name..": the label name "..name.." is written "__name__", which is the metric's name`},
		"constant label":      {ember.StateSetOpts{Name: "x", ConstLabels: ember.Labels{"x": "a"}}, two, `ember: stateset "x": the label name "x" is reserved for the state`},
		"written alike":       {ember.StateSetOpts{Name: "x_y", ConstLabels: ember.Labels{"x.y": "a"}}, two, `ember: stateset "x_y": the label name "x.y" is reserved for the state`},
		"bad constant label":  {ember.StateSetOpts{Name: "x", ConstLabels: ember.Labels{"__a": "a"}}, two, `ember: stateset "x": the label name "__a" starts with "__", which is reserved`},
		"bad help":            {ember.StateSetOpts{Name: "x", Help: "\xff"}, two, `ember: stateset "x": the help "\xff" is not valid UTF-8`},
		"the first of these":  {ember.StateSetOpts{Name: "a:b"}, nil, `ember: stateset "a:b": the name is that of a label too, which must not contain a colon`},
		"colon in the prefix": {ember.StateSetOpts{Namespace: "a:b", Name: "x"}, two, `ember: stateset "a:b_x": the name is that of a label too, which must not contain a colon`},
	} {
		t.Run(name, func(t *testing.T) {
			captureLog(t)
			s := ember.NewStateSet(tc.opts, tc.states...)
			s.Switch("a") // works all the same, as far as it can
			s.Set("b", true)
			s.On()
			reg := ember.NewRegistry()
			require.EqualError(t, reg.Register(s), tc.want)
			require.Empty(t, scrapeOf(t, reg))
		})
	}
	require.EqualError(t, ember.NewRegistry().Register(new(ember.StateSet)), `ember: a *ember.StateSet that was not made by a constructor cannot be registered`)
}

// The states belong to the definition; their order does not.
func TestStateSetAgain(t *testing.T) {
	reg := ember.NewRegistry()
	s := reg.NewStateSet(ember.StateSetOpts{Name: "x"}, "a", "b")
	s.Switch("b")
	require.Same(t, s, reg.NewStateSet(ember.StateSetOpts{Name: "x"}, "b", "a"))
	require.Equal(t, []string{"b"}, s.On())
	require.PanicsWithError(t, `ember: x is already registered, by a *ember.StateSet; it is a *ember.StateSet of "x" with the labels [] and states ["a" "b"], not a *ember.StateSet of "x" with the labels [] and states ["a" "c"]`, func() {
		reg.NewStateSet(ember.StateSetOpts{Name: "x"}, "a", "c")
	})
	require.PanicsWithError(t, `ember: "x" has the type gauge, but is registered with the type stateset`, func() {
		reg.NewGauge(ember.GaugeOpts{Name: "x"})
	})
}

// The label that names the state is called like the family, whatever a registry calls
// that.
func TestStateSetInSubRegistries(t *testing.T) {
	reg := ember.NewRegistry()
	s := reg.Sub("b_", ember.Labels{"zone": "1"}).NewStateSet(ember.StateSetOpts{Name: "x"}, "on", "off")
	reg.Sub("a.", nil).MustRegister(s)
	s.Switch("on")
	for range 2 { // whichever was written last
		require.Equal(t, `# TYPE a_x gauge
a_x{a_x="off"} 0
a_x{a_x="on"} 1
# TYPE b_x gauge
b_x{zone="1",b_x="off"} 0
b_x{zone="1",b_x="on"} 1
`, scrapeOf(t, reg))
	}
	require.Equal(t, []metric.Label{{Name: "a.x", Value: "off"}}, gather(t, reg)[0].Points[0].Labels)

	require.EqualError(t, reg.Sub("", ember.Labels{"x": "1"}).Register(s), `ember: stateset "x": the label name "x" is reserved for the state`)
	require.EqualError(t, reg.Sub("c_", ember.Labels{"c_x": "1"}).Register(s), `ember: stateset "c_x": the label name "c_x" is reserved for the state`)
	require.EqualError(t, reg.Sub("c:", nil).Register(s), `ember: stateset "c:x": the name is that of a label too, which must not contain a colon`)
	require.EqualError(t, reg.Sub("__", nil).Register(s), `ember: stateset "__x": the label name "__x" starts with "__", which is reserved`)
}

func TestStateSetEscaping(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewStateSet(ember.StateSetOpts{Name: "the.state"}, "on").Switch("on")
	for escaping, want := range map[ember.Escaping]string{
		ember.EscapingUnderscores: `the_state{the_state="on"} 1`,
		ember.EscapingAllowUTF8:   `{"the.state","the.state"="on"} 1`,
		ember.EscapingDots:        `the_dot_state{the_dot_state="on"} 1`,
		ember.EscapingValues:      `U__the_2e_state{U__the_2e_state="on"} 1`,
	} {
		t.Run(escaping.String(), func(t *testing.T) {
			for range 2 {
				var b strings.Builder
				require.NoError(t, ember.Write(&b, reg, ember.FormatText1.WithEscaping(escaping)))
				require.Equal(t, want, strings.Split(b.String(), "\n")[1])
			}
		})
	}
}

// A set that only switches has exactly one state on in every scrape, also in two
// registries under two names.
func TestStateSetSwitchesAtOnce(t *testing.T) {
	reg, other := ember.NewRegistry(), ember.NewRegistry()
	states := []string{"a", "b", "c", "d", "e"}
	s := reg.NewStateSet(ember.StateSetOpts{Name: "x"}, states...)
	other.Sub("y_", nil).MustRegister(s)
	s.Switch("a")
	var done atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer done.Store(true)
		fromGoroutines(4, func(g int) {
			for i := range 5000 {
				s.Switch(states[(g+i)%len(states)])
				if i%256 == 0 {
					runtime.Gosched()
				}
			}
		})
	}()
	fromGoroutines(2, func(g int) {
		r := []*ember.Registry{reg, other}[g]
		for !done.Load() {
			if n := len(s.On()); n != 1 {
				t.Errorf("%d states are on", n)
			}
			on := 0.0
			for _, p := range gather(t, r)[0].Points {
				on += p.Value
			}
			if on != 1 {
				t.Errorf("%g states are on in a scrape", on)
			}
			if text := scrapeOf(t, r); strings.Count(text, " 1\n") != 1 || strings.Count(text, " 0\n") != 4 {
				t.Error(text)
			}
		}
	})
	<-finished
}

// Different states that are set at once do not undo each other.
func TestStateSetSetsAtOnce(t *testing.T) {
	states := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	s := ember.NewStateSet(ember.StateSetOpts{Name: "x"}, states...)
	fromGoroutines(len(states), func(g int) {
		for i := range 5001 {
			on := i%2 == g%2
			s.Set(states[g], on)
			if slices.Contains(s.On(), states[g]) != on {
				t.Errorf("%s is not %v", states[g], on)
				return
			}
		}
	})
	require.Equal(t, []string{"a", "c", "e", "g"}, s.On())
}
