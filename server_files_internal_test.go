// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	synctest.Test(t, func(t *testing.T) {
		write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
		write(one, "a")
		write(two, "b")
		var log bytes.Buffer
		var fail error
		loads := 0
		f, err := newFiles(slog.New(slog.NewTextHandler(&log, nil)), func() error { loads++; return fail }, one, two)
		require.NoError(t, err)
		require.Equal(t, 1, loads)
		// after returns how often they were read again, having been asked for many times.
		after := func(d time.Duration) int {
			before := loads
			for range 10 {
				time.Sleep(d / 10)
				f.refresh()
			}
			return loads - before
		}
		require.Zero(t, after(time.Minute), "nothing has changed")

		time.Sleep(lookEvery)
		f.refresh() // looks
		write(two, "longer")
		require.Zero(t, after(lookEvery-10), "they were looked at just now")
		require.Equal(t, 1, after(time.Minute))
		require.Equal(t, 1, strings.Count(log.String(), "are used"))

		// Another file of the same name, size and time is another one all the same.
		info, err := os.Stat(one)
		require.NoError(t, err)
		write(one+".new", "c")
		require.NoError(t, os.Chtimes(one+".new", info.ModTime(), info.ModTime()))
		require.NoError(t, os.Rename(one+".new", one))
		require.Equal(t, 1, after(time.Minute))

		// One that cannot be used is said once, and tried again.
		fail = errors.New("no good")
		write(one, "broken")
		require.Greater(t, after(time.Minute), 1)
		require.Greater(t, after(time.Minute), 1)
		require.Equal(t, 1, strings.Count(log.String(), "no good"))
		fail = errors.New("still no good")
		require.Greater(t, after(time.Minute), 1)
		require.Equal(t, 1, strings.Count(log.String(), "still no good"))
		fail = nil
		require.Equal(t, 1, after(time.Minute))
		require.Equal(t, 3, strings.Count(log.String(), "are used"))

		require.NoError(t, os.Remove(two))
		require.Equal(t, 1, after(time.Minute))
		require.Zero(t, after(time.Minute))
		write(two, "again")
		require.Equal(t, 1, after(time.Minute))

		// Who comes while somebody reads does not wait.
		time.Sleep(time.Minute)
		write(two, "more")
		f.mu.Lock()
		require.Zero(t, after(time.Minute))
		f.mu.Unlock()
		require.Equal(t, 1, after(time.Minute))
	})
}

// Kubernetes puts files in place by turning a link to their folder.
func TestFilesBehindLinks(t *testing.T) {
	dir := t.TempDir()
	folder := func(name, text string) string {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "token"), []byte(text), 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, name, "token"), time.Unix(1e9, 0), time.Unix(1e9, 0)))
		return name
	}
	turn := func(to string) {
		if err := os.Symlink(to, filepath.Join(dir, "..new")); err != nil {
			t.Skip("no links here: ", err)
		}
		require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	}
	turn(folder("..1", "a"))
	require.NoError(t, os.Symlink(filepath.Join("..data", "token"), filepath.Join(dir, "token")))
	path := filepath.Join(dir, "token")
	synctest.Test(t, func(t *testing.T) {
		said := ""
		f, err := newFiles(slog.New(slog.DiscardHandler), func() error {
			text, err := readFile(path)
			said = string(text)
			return err
		}, path)
		require.NoError(t, err)
		require.Equal(t, "a", said)
		turn(folder("..2", "b")) // of the same size and time
		time.Sleep(lookEvery)
		f.refresh()
		require.Equal(t, "b", said)
	})
}

func TestServerLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ServerOpts
		want [4]time.Duration // of a header, a request, a response, and between them
		size int
	}{
		"unless told": {ServerOpts{}, [4]time.Duration{5 * time.Second, 10 * time.Second, time.Minute, 3 * time.Minute}, 64 << 10},
		"as told":     {ServerOpts{ReadHeaderTimeout: 1, ReadTimeout: 2, WriteTimeout: 3, IdleTimeout: 4, MaxHeaderBytes: 5}, [4]time.Duration{1, 2, 3, 4}, 5},
		"none":        {ServerOpts{ReadHeaderTimeout: -1, ReadTimeout: -1, WriteTimeout: -1, IdleTimeout: -1, MaxHeaderBytes: -1}, [4]time.Duration{-1, -1, -1, -1}, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Gatherer = NewRegistry()
			s, err := newServer(tc.opts)
			require.NoError(t, err)
			require.Equal(t, tc.want, [4]time.Duration{s.http.ReadHeaderTimeout, s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout})
			require.Equal(t, tc.size, s.http.MaxHeaderBytes)
		})
	}
}

func TestAllowed(t *testing.T) {
	for name, tc := range map[string]struct {
		prefix, remote string
		want           bool
	}{
		"IPv4":              {"10.0.0.0/8", "10.1.2.3:4", true},
		"not that":          {"10.0.0.0/8", "11.1.2.3:4", false},
		"IPv4 within IPv6":  {"10.0.0.0/8", "[::ffff:10.1.2.3]:4", true},
		"IPv6":              {"fe80::/10", "[fe80::1]:4", true},
		"with a zone":       {"fe80::/10", "[fe80::1%eth0]:4", true},
		"IPv6 is not IPv4":  {"0.0.0.0/0", "[fe80::1]:4", false},
		"IPv4 is not IPv6":  {"::/0", "10.1.2.3:4", false},
		"what is no TCP":    {"0.0.0.0/0", "@", false},
		"one address alone": {"10.1.2.3/32", "10.1.2.3:65535", true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, allowed([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix(tc.prefix)}, tc.remote))
		})
	}
}

// Whatever a file of users or tokens contains, reading it ends, and errors show no secret.
func FuzzSecretFiles(f *testing.F) {
	for _, seed := range []string{"a:secret\nb:secret\n", "# x\n\r\n:\n", "a\n", "a:", "a:x\na:y", " \t\n#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "secrets")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		if k, err := newKeyring(ServerOpts{UsersFile: path}); err == nil {
			require.NotEmpty(t, k.users)
		} else if _, password, ok := strings.Cut(text, ":"); ok && len(password) > 40 && !strings.ContainsAny(password, ":\r\n") {
			require.NotContains(t, err.Error(), password)
		}
		if k, err := newKeyring(ServerOpts{TokensFile: path}); err == nil {
			require.NotEmpty(t, k.tokens)
		} else if !strings.HasPrefix(err.Error(), path+": line ") {
			require.EqualError(t, err, "there are neither users nor tokens, so nobody would get in")
		}
	})
}
