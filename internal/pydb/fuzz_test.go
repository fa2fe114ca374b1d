// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
)

// FuzzFile reads any bytes, and then other bytes in the same file, which are then read
// as if for the first time.
func FuzzFile(f *testing.F) {
	names := []string{"counter_1.db", "gauge_all_1.db", "gauge_mostrecent_1.db", "histogram_1.db", "summary_1.db"}
	recs := []rec{
		counter("a_total", 1, "l", "v\"\n"), gauge("g", -1).at(1e9), sample("f", "f_sum", 0.5), sample("f", "f_count", 2),
		sample("f", "f_bucket", 2, "le", "0.5"), sample("f", "f_bucket", 1, "le", "+Inf", "k", "v"),
	}
	for i := range names {
		f.Add(uint8(i), content(true, recs...), content(true, recs[:3]...))
		f.Add(uint8(i), content(true, recs[:2]...), content(true, recs...))
		f.Add(uint8(i), content(false, recs...), content(true, recs...))
		f.Add(uint8(i), content(false, recs[:1]...), content(true, recs...))
	}
	for _, tc := range damaged() {
		f.Add(uint8(0), tc.content, content(true, recs...))
		f.Add(uint8(3), content(true, recs...), tc.content)
	}
	f.Fuzz(func(t *testing.T, kind uint8, first, second []byte) {
		name := names[int(kind)%len(names)]
		dir := t.TempDir()
		kept := pydb.New(dir)
		for _, b := range [][]byte{first, second} {
			write(t, dir, name, b)
			series, problems := read(t, kept)
			wantSeries, wantProblems := read(t, pydb.New(dir))
			require.Equal(t, wantSeries, series)
			require.Equal(t, wantProblems, problems)
			again, problems := read(t, kept)
			require.Equal(t, wantSeries, again)
			require.Equal(t, wantProblems, problems)
		}
	})
}

// FuzzKey compares with encoding/json.
func FuzzKey(f *testing.F) {
	for _, key := range []string{
		`["requests", "requests_total", {"code": "200", "path": "/"}, "Help."]`,
		`["a","b",{}]`, `["a","b",{},null]`, `["a", "b", ["l", "m"], ["v", "w"]]`, `["a","b",[],[]]`, `["a","b",["l"],[]]`,
		`["\ud83d\udd25", "\ud83d", {"\udd25\ud83d": "\ud83d\\ud83d\ud83dx"}, "\u0000\u00e9\"\\\/\b\f\n\r\t"]`,
		"[\"\xff\", \"b\", {}]", "[\"\x01\", \"b\", {}]", "[\"é€🔥\", \"b\", {}]",
		`["\x", "b", {}]`, `["\u12g4", "b", {}]`, `["\u12`, `["a", "b", {"l": "v",}]`, `["a", "b", {"l" "v"}]`,
		`["a", "b", {"l": "1", "l": "2"}]`, `["a", "b", {}, "h", 1]`, `["a", "b", {}, "h"] x`, ` [ "a" , "b" , { } ] `,
		`["a", "b"]`, `["a", "b", "c"]`, `[]`, `[`, ``, `["a`, `null`, `["a", "b", {"l": 1}]`, `["a", "b", {"l": null}]`, `["a", null, {}]`,
	} {
		f.Add([]byte(key))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		family, name, help, labels, wrong := pydb.ParseKey(bytes.Clone(raw))
		var list []any
		ok := json.Unmarshal(raw, &list) == nil && utf8.Valid(raw) && (len(list) == 3 || len(list) == 4)
		var want []string
		all := map[string]string{}
		if ok {
			for _, v := range list[:2] {
				s, is := v.(string)
				ok = ok && is
				want = append(want, s)
			}
			want = append(want, "")
			switch l := list[2].(type) {
			case map[string]any:
				for k, v := range l {
					s, is := v.(string)
					ok = ok && is
					all[k] = s
				}
				if len(list) == 4 && list[3] != nil {
					s, is := list[3].(string)
					ok = ok && is
					want[2] = s
				}
			case []any:
				values, is := list[len(list)-1].([]any)
				if ok = ok && is && len(list) == 4 && len(values) == len(l); ok {
					for i := range l {
						k, is := l[i].(string)
						v, also := values[i].(string)
						ok = ok && is && also
						if _, twice := all[k]; twice {
							ok = false
						}
						all[k] = v
					}
				}
			default:
				ok = false
			}
		}
		if wrong != "" {
			require.True(t, !ok || wrong == "has a label twice", "%q %s", raw, wrong)
			return
		}
		require.True(t, ok, "%q", raw)
		require.Equal(t, want, []string{family, name, help})
		require.Len(t, labels, len(all))
		for _, l := range labels {
			require.Equal(t, all[l[0]], l[1])
		}
	})
}
