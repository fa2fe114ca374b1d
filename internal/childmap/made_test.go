// SPDX-License-Identifier: Apache-2.0

package childmap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/childmap"
)

// Who is told of children hears of each before anybody can find it, and then what became
// of it.
func TestOnMade(t *testing.T) {
	for name, limit := range map[string]int{"no limit": 0, "for others": 1} {
		t.Run(name, func(t *testing.T) {
			m := childmap.New(childmap.NewSyntax([]string{"l"}), func(*int) {})
			m.Limit(limit)
			first := m.GetOrCreate([]string{"first"})
			values := []string{"x"}
			want := values
			if limit > 0 {
				want = []string{childmap.Other}
			}
			type event struct {
				what string
				c    *childmap.Child
			}
			var events []event
			rival := true // somebody else makes the child meanwhile
			told := childmap.Made{
				Before: func(c *childmap.Child) {
					events = append(events, event{"before", c})
					require.Nil(t, m.Get(want))
					if rival {
						rival = false
						m.GetOrCreate(values)
					}
				},
				After: func(c *childmap.Child, told bool) {
					require.True(t, told)
					require.Same(t, c, m.Get(want))
					events = append(events, event{"after", c})
				},
				Not: func(c *childmap.Child) { events = append(events, event{"not", c}) },
			}
			m.OnMade(told)
			c := m.GetOrCreate(values)
			require.NotSame(t, first, c)
			require.Len(t, events, 4)
			loser := events[0].c
			require.NotSame(t, c, loser)
			require.Equal(t, []event{{"before", loser}, {"before", c}, {"after", c}, {"not", loser}}, events)

			// Of one that is being made when somebody asks to be told, he hears too.
			if limit > 0 {
				return
			}
			var late []bool
			told.After = func(_ *childmap.Child, told bool) { late = append(late, told) }
			m.OnMade(childmap.Made{Before: func(*childmap.Child) { m.OnMade(told) }})
			m.GetOrCreate([]string{"y"})
			require.Equal(t, []bool{false}, late)
		})
	}
}
