// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// FuzzLint lints families of any names, helps, units, labels and values, which need
// not be such as a registry would take.
func FuzzLint(f *testing.F) {
	for _, seed := range [][4]string{
		{"shop_orders_total", "seconds", "path", "/a/1\n/a/2\n/a/3\n/b?c=d"},
		{"shopOrders:ms", "ms", "user_id", "1\n2\n3"},
		{"__", "", "ip", "10.0.0.1\n10.0.0.1:80\n::1\n02:42:ac:11:00:02"},
		{"\xff", "\xff", "\xff", "\xff\n\xfe"},
		{"größe.total", "", "e.mail", "a@b.c\n@\na@\n@.c\na@b@c.d"},
		{"a_info", "", "x", "25daad3d-9e60-b450-a70c-4ab7d3b1c6a4\n--------\n-25daad3d-"},
		{"s_s_s_count_count", "kilo", "agent", "Mozilla/5.0\n/\n//\nx/1 (y)"},
		{"a", "", "at", "2024-01-02T03:04:05Z\n2024-01-02\n1700000000\n1700000001\n1700000002"},
		{"a", "", "n", "1.00001\n-1\n.\n18446744073709551616\nx-10000\n"},
		{"", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], byte(1))
	}
	f.Fuzz(func(t *testing.T, name, unit, label, values string, kind byte) {
		fam := &metric.Family{Name: name, Help: unit, Unit: unit, Kind: metric.Kind(kind)}
		for _, v := range strings.Split(values, "\n") {
			fam.Points = append(fam.Points, metric.Point{Value: 1, Labels: []metric.Label{{Name: label, Value: v}, {Name: name, Value: unit}}})
		}
		other := family(metric.Counter, label, metric.Label{Name: strings.ToUpper(label), Value: values})

		start := time.Now()
		problems := embertest.Lint(gathered{fam, other})
		require.Less(t, time.Since(start), 5*time.Second)

		for _, p := range problems {
			require.NotEmpty(t, p.Rule)
			require.NotEmpty(t, p.Text)
			require.NotContains(t, p.String(), "\n")
			require.True(t, p.Metric == name || p.Metric == label)
		}
		require.Equal(t, problems, embertest.Lint(gathered{other, fam}))
		require.True(t, slices.IsSortedFunc(problems, func(a, b embertest.Problem) int { return strings.Compare(a.Metric, b.Metric) }))
	})
}
