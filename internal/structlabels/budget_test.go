// SPDX-License-Identifier: Apache-2.0

//go:build !race

package structlabels

import (
	"bytes"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// grade is a number whose texts no other test has, for there is room for some only.
type grade int8

func (g grade) String() string { return "grade " + strconv.Itoa(int(g)) }

// Finding the child of a struct allocates nothing, and leaves the struct and what is in it
// on the stack.
func TestFindingAllocatesNothing(t *testing.T) {
	type small struct {
		Text   string
		Number grade
		I64    int64
		Yes    bool
	}
	type large struct {
		small
		More, U64 uint64
	}
	s, l := Of(reflect.TypeFor[small]()), Of(reflect.TypeFor[large]())
	smalls, larges := newMap(s), newMap(l)
	b := []byte("on the stack")
	there := small{string(b), -1, -1, true}
	s.GetOrCreate(smalls, At(&there))
	for name, f := range map[string]func() bool{
		"ready": func() bool { v := small{string(b), 3, 999, true}; return s.GetOrCreate(smalls, At(&v)) != nil },
		"few":   func() bool { v := small{string(b), -1, -1, true}; return s.GetOrCreate(smalls, At(&v)) != nil },
		"Get":   func() bool { v := small{string(b), -1, -1, true}; return s.Get(smalls, At(&v)) != nil },
		"many": func() bool {
			v := large{small{string(b), -1, -1, true}, 1, 1 << 63}
			return l.GetOrCreate(larges, At(&v)) != nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			ok := f()
			require.Zero(t, testing.AllocsPerRun(200, func() { ok = ok && f() }))
			require.True(t, ok)
		})
	}
}

func TestSizes(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	require.Equal(t, 3*word, unsafe.Sizeof(field{}))
}

// What each label calls for must be inlined.
func TestInlining(t *testing.T) {
	build := exec.Command("go", "build", "-gcflags=-m", ".")
	build.Env = append(os.Environ(), "GOARCH=amd64")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, f := range []string{"small", "(*field).text", "(*field).number", "(*Layout).strings"} {
		pattern := regexp.MustCompile(`: can inline ` + regexp.QuoteMeta(f) + `\n`)
		require.True(t, pattern.Match(bytes.ReplaceAll(out, []byte("\r"), nil)), "%s is not inlined any more", f)
	}
}
