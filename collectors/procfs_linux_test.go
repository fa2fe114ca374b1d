// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
)

func TestParseStat(t *testing.T) {
	after := statText[strings.Index(statText, ")")+1:]
	plain := [4]uint64{225, 4250, 1 << 30, 512}
	for name, tc := range map[string]struct {
		text string
		want [4]uint64
		err  string
	}{
		"plain":                    {text: statText, want: plain},
		"spaces in the name":       {text: "1 (a b c d)" + after, want: plain},
		"parentheses in the name":  {text: "1 (a) S 9 9 (b)" + after, want: plain},
		"closing ones":             {text: "1 ())))))" + after, want: plain},
		"a stat in the name":       {text: "1 (1 (x) S 1 2 3)" + after, want: plain},
		"newline in the name":      {text: "1 (a\nb)" + after, want: plain},
		"empty name":               {text: "1 ()" + after, want: plain},
		"not UTF-8":                {text: "1 (\xff\xfe)" + after, want: plain},
		"more space":               {text: "1 (a)  " + strings.ReplaceAll(after, " ", "  "), want: plain},
		"negative in other fields": {text: strings.Replace(statText, " 6 7 ", " -1 -7 ", 1), want: plain},
		"ends after the last":      {text: statText[:strings.Index(statText, " 512")+4], want: plain},
		"nothing":                  {err: `stat holds "", without a name in parentheses`},
		"no name":                  {text: "1 a S", err: `stat holds "1 a S", without a name in parentheses`},
		"name only":                {text: "1 (a)", err: `stat: field 14 is "", which is not a number`},
		"negative":                 {text: strings.Replace(statText, " 512 ", " -512 ", 1), err: `stat: field 24 is "-512", which is not a number`},
		"overflow":                 {text: strings.Replace(statText, " 512 ", " 18446744073709551616 ", 1), err: `stat: field 24 is "18446744073709551616", which is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := collectors.ParseStat("stat", []byte(tc.text))
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Fields())
		})
	}
}

// FuzzParseStat builds a file from any name and numbers, and wants the numbers
// back; and it parses the name as a file, for which anything but a panic is fine.
func FuzzParseStat(f *testing.F) {
	f.Add("app", uint64(150), uint64(4250), uint64(1<<30), uint64(512))
	f.Add("a) S 1 (b", uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(statText, uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, name string, cpu, start, virtual, resident uint64) {
		text := fmt.Sprintf("1 (%s) S 1 2 3 -4 5 6 7 8 9 10 %d 0 0 0 20 0 1 0 %d %d %d 99 1\n", name, cpu, start, virtual, resident)
		got, err := collectors.ParseStat("stat", []byte(text))
		require.NoError(t, err)
		require.Equal(t, [4]uint64{cpu, start, virtual, resident}, got.Fields())

		if got, err := collectors.ParseStat("stat", []byte(name)); err != nil {
			require.Zero(t, got)
			require.True(t, strings.HasPrefix(err.Error(), "stat"))
		}
	})
}

func TestParseLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want uint64
		err  string
	}{
		"number":          {text: limitsText, want: 1024},
		"unlimited":       {text: "Max open files            unlimited            unlimited            files\n", want: math.MaxUint64},
		"no hard limit":   {text: "Max open files 5", want: 5},
		"last line":       {text: "x\n\nMax open files 5 6", want: 5},
		"longer name":     {text: "Max open files and more 7 7\nMax open filesystems 8 8\nMax open files 5 6\n", err: `the limit "Max open files" is "and", which is not a number`},
		"similar name":    {text: "Max open filesystems 8 8\nMax open files 5 6\n", want: 5},
		"nothing":         {err: `there is no limit called "Max open files"`},
		"name only":       {text: "Max open files", err: `there is no limit called "Max open files"`},
		"no value":        {text: "Max open files  \nMax 1", err: `the limit "Max open files" is "", which is not a number`},
		"negative":        {text: "Max open files -1 -1", err: `the limit "Max open files" is "-1", which is not a number`},
		"not at the head": {text: " Max open files 1 1", err: `there is no limit called "Max open files"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := collectors.ParseLimit([]byte(tc.text), "Max open files")
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func FuzzParseLimit(f *testing.F) {
	f.Add(limitsText, uint64(1024))
	f.Add("Max open files", uint64(0))
	f.Add("Max open filesMax open files 1", uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, text string, n uint64) {
		_, _ = collectors.ParseLimit([]byte(text), "Max open files")
		if !strings.Contains(text, "Max open files") {
			got, err := collectors.ParseLimit(fmt.Appendf(nil, "%s\nMax open files   %d   unlimited files\n", text, n), "Max open files")
			require.NoError(t, err)
			require.Equal(t, n, got)
		}
	})
}

func TestParseBootTime(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want float64
		err  string
	}{
		"plain":           {text: systemText, want: 1700000000},
		"long lines":      {text: "intr" + strings.Repeat(" 0", 100000) + "\n" + systemText, want: 1700000000},
		"last line":       {text: "btime 5", want: 5},
		"epoch":           {text: "btime 0\n", want: 0},
		"nothing":         {err: "there is no line for btime"},
		"not at the head": {text: "a btime 5\nbtimes 6\n", err: "there is no line for btime"},
		"no number":       {text: "btime \n", err: `btime is "", which is not a number`},
		"negative":        {text: "btime -5\n", err: `btime is "-5", which is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := collectors.ParseBootTime([]byte(tc.text))
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func FuzzParseBootTime(f *testing.F) {
	f.Add(systemText)
	f.Add("btime")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := collectors.ParseBootTime([]byte(text))
		if err != nil {
			require.Zero(t, got)
		}
	})
}

func TestBootTimeIsReadAgainWhenTheClockIsSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat")
	var boot collectors.BootTime
	_, err := collectors.LoadBootTime(&boot, file, 0)
	require.ErrorIs(t, err, os.ErrNotExist)

	for i, step := range []struct {
		offset time.Duration
		text   string
		want   float64
	}{
		{0, "btime 100", 100},
		{0, "btime 200", 100},
		{400 * time.Millisecond, "btime 200", 100},
		{-400 * time.Millisecond, "btime 200", 100},
		{time.Second, "btime 200", 200},
		{time.Second, "btime 300", 200},
		{0, "btime 100", 100},
		{-24 * time.Hour, "btime 5", 5},
	} {
		require.NoError(t, os.WriteFile(file, []byte(step.text), 0o644))
		got, err := collectors.LoadBootTime(&boot, file, step.offset)
		require.NoError(t, err)
		require.Equal(t, step.want, got, "step %d", i)
	}
}

func TestClockOffsetIsSteady(t *testing.T) {
	before := collectors.ClockOffset()
	time.Sleep(20 * time.Millisecond)
	require.InDelta(t, before, collectors.ClockOffset(), float64(10*time.Millisecond))
}

func TestCountFDs(t *testing.T) {
	buf := make([]byte, 4096)
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	want := len(entries) - 1 // the one that it was read through

	got, err := collectors.CountFDs("/proc/self/fd", true, buf)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = collectors.CountEntries("/proc/self/fd", buf)
	require.NoError(t, err)
	require.Equal(t, want+1, got)

	// The same descriptors, in a directory whose size says nothing, as before
	// Linux 6.2.
	got, err = collectors.CountFDs("/proc/self/fdinfo", true, buf)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = collectors.CountFDs("/proc/self/fdinfo", false, buf)
	require.NoError(t, err)
	require.Equal(t, want+1, got)

	_, err = collectors.CountFDs("/proc/self/no", true, buf)
	require.EqualError(t, err, "stat /proc/self/no: no such file or directory")
}

func TestCountEntries(t *testing.T) {
	for _, size := range []int{300, 4096} { // a name of 255 bytes must fit
		for _, files := range []int{0, 1, 2, 500} {
			t.Run(fmt.Sprintf("%d files, buffer of %d", files, size), func(t *testing.T) {
				dir := t.TempDir()
				for i := range files {
					name := "." + strings.Repeat(strconv.Itoa(i%10), i%200) + strconv.Itoa(i)
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
				}
				got, err := collectors.CountEntries(dir, make([]byte, size))
				require.NoError(t, err)
				require.Equal(t, files, got)
			})
		}
	}

	_, err := collectors.CountEntries("/proc/self/stat", make([]byte, 4096))
	require.EqualError(t, err, "open /proc/self/stat: not a directory")
	_, err = collectors.CountEntries(t.TempDir(), make([]byte, 1))
	require.ErrorContains(t, err, "readdirent ")
}

// FuzzCountDirents appends a good record to anything: it must not panic, nor
// find more records than fit.
func FuzzCountDirents(f *testing.F) {
	record := func(name string) []byte {
		b := make([]byte, 18, 64)
		b = append(b, 4)
		b = append(append(b, name...), 0)
		binary.NativeEndian.PutUint16(b[16:], uint16(len(b)))
		return b
	}
	f.Add(record("."))
	f.Add(append(record(".."), record("12")...))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := collectors.CountDirents(data)
		require.LessOrEqual(t, n, len(data)/20)
		require.Equal(t, n+1, collectors.CountDirents(append(record("x"), data...)))
		require.Equal(t, n, collectors.CountDirents(append(record(".."), data...)))
	})
}
