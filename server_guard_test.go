// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// writeFile puts a file in the place of one that may be there.
func writeFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

const (
	basicChallenge  = `Basic realm="metrics", charset="UTF-8"`
	bearerChallenge = `Bearer realm="metrics"`
	needs           = "ember: this needs other credentials\n"
)

func TestServerSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	usersFile, tokensFile := filepath.Join(dir, "users"), filepath.Join(dir, "tokens")
	writeFile(t, usersFile, "# Who may scrape.\r\n\r\nfiona:pass:word \r\ngünther:geheim")
	writeFile(t, tokensFile, "file-token\n")
	users := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Users: map[string]string{"anna": "secret", "bob": "hidden"}})
	tokens := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Tokens: []string{"one", "two"}, GuardHealth: true})
	both := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{
		Users: map[string]string{"anna": "secret"}, UsersFile: usersFile,
		Tokens: []string{"one"}, TokensFile: tokensFile, Cardinality: true,
	})
	basic := func(name, password string) string {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(name, password)
		return r.Header.Get("Authorization")
	}
	for name, tc := range map[string]struct {
		server *metricsServer
		path   string
		header string // Authorization
		ok     bool
	}{
		"a user":                          {users, "/metrics", basic("anna", "secret"), true},
		"another user":                    {users, "/metrics", basic("bob", "hidden"), true},
		"another user's password":         {users, "/metrics", basic("anna", "hidden"), false},
		"a wrong password":                {users, "/metrics", basic("anna", "secre"), false},
		"a longer password":               {users, "/metrics", basic("anna", "secrets"), false},
		"no password":                     {users, "/metrics", basic("anna", ""), false},
		"a wrong user":                    {users, "/metrics", basic("Anna", "secret"), false},
		"nobody":                          {users, "/metrics", "", false},
		"what is not basic":               {users, "/metrics", "Basic anna:secret", false},
		"a password as a token":           {users, "/metrics", "Bearer secret", false},
		"the page":                        {users, "/", "", false},
		"what is not there":               {users, "/x", "", false},
		"health":                          {users, "/-/healthy", "", true},
		"a token":                         {tokens, "/metrics", "Bearer one", true},
		"another token, in small letters": {tokens, "/metrics", "bearer  two", true},
		"a wrong token":                   {tokens, "/metrics", "Bearer three", false},
		"a longer token":                  {tokens, "/metrics", "Bearer one ", true}, // HTTP has no space at the end of a header
		"two tokens":                      {tokens, "/metrics", "Bearer one two", false},
		"no token":                        {tokens, "/metrics", "Bearer", false},
		"an empty token":                  {tokens, "/metrics", "Bearer ", false},
		"a token alone":                   {tokens, "/metrics", "one", false},
		"a token as a password":           {tokens, "/metrics", basic("", "one"), false},
		"health, guarded":                 {tokens, "/-/healthy", "", false},
		"health, guarded, with token":     {tokens, "/-/healthy", "Bearer one", true},
		"a user of two ways":              {both, "/metrics", basic("anna", "secret"), true},
		"a token of two ways":             {both, "/metrics", "Bearer one", true},
		"a user of a file":                {both, "/metrics", basic("fiona", "pass:word "), true},
		"a user in UTF-8":                 {both, "/metrics", basic("günther", "geheim"), true},
		"a comment":                       {both, "/metrics", basic("# Who may scrape.", ""), false},
		"a token of a file":               {both, "/metrics", "Bearer file-token", true},
		"cardinality":                     {both, "/debug/cardinality", "", false},
		"cardinality, as a user":          {both, "/debug/cardinality", basic("anna", "secret"), true},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if tc.header != "" {
				header = []string{"Authorization", tc.header}
			}
			resp, body := ask(t, client(t), "GET", "http://"+tc.server.addr+tc.path, header...)
			if tc.ok {
				require.Equal(t, http.StatusOK, resp.StatusCode)
				return
			}
			require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			require.Equal(t, needs, body)
			want := []string{basicChallenge}
			switch tc.server {
			case tokens:
				want = []string{bearerChallenge}
			case both:
				want = []string{basicChallenge, bearerChallenge}
			}
			require.Equal(t, want, resp.Header["Www-Authenticate"])
		})
	}

	t.Run("files as Windows and people write them", func(t *testing.T) {
		users, tokens := filepath.Join(dir, "users.txt"), filepath.Join(dir, "tokens.txt")
		writeFile(t, users, "\ufeffanna:secret\r\n# Who else?\r\n")
		writeFile(t, tokens, "\ufeff# Who may scrape.\r\n  one\t\r\n\ttwo \r\n")
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{UsersFile: users, TokensFile: tokens})
		for header, want := range map[string]int{
			basic("anna", "secret"): 200, "Bearer one": 200, "Bearer two": 200,
			"Bearer # Who may scrape.": 401, "Bearer \ufeff# Who may scrape.": 401,
		} {
			resp, _ := ask(t, client(t), "GET", "http://"+s.addr+"/metrics", "Authorization", header)
			require.Equal(t, want, resp.StatusCode, header)
		}
	})

	t.Run("options that change", func(t *testing.T) {
		file, users, tokens := filepath.Join(dir, "more"), map[string]string{"anna": "secret"}, []string{"one"}
		writeFile(t, file, "two\n")
		s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Users: users, Tokens: tokens, TokensFile: file})
		users["late"], tokens[0] = "secret", "late"
		status := func(header string) int {
			resp, _ := ask(t, client(t), "GET", "http://"+s.addr+"/metrics", "Authorization", header)
			return resp.StatusCode
		}
		writeFile(t, file, "three\n")
		require.Eventually(t, func() bool { return status("Bearer three") == 200 }, 20*time.Second, 50*time.Millisecond)
		require.Equal(t, 200, status("Bearer one"))
		require.Equal(t, 401, status("Bearer late"))
		require.Equal(t, 200, status(basic("anna", "secret")))
		require.Equal(t, 401, status(basic("late", "secret")))
	})

	t.Run("files that change", func(t *testing.T) {
		status := func(header string) int {
			resp, _ := ask(t, client(t), "GET", "http://"+both.addr+"/metrics", "Authorization", header)
			return resp.StatusCode
		}
		writeFile(t, usersFile, "hugo:new\n")
		require.Eventually(t, func() bool { return status(basic("hugo", "new")) == 200 }, 10*time.Second, 50*time.Millisecond)
		require.Equal(t, 401, status(basic("fiona", "pass:word ")))
		require.Equal(t, 200, status(basic("anna", "secret")))
		require.Equal(t, 200, status("Bearer file-token"))

		writeFile(t, usersFile, "ivan:x\nivan\n")
		said := "level=ERROR msg=\"ember: changed files cannot be used; what was read before stays\" files=\"[" + usersFile + " " + tokensFile + "]\" error=\"" + usersFile + ": line 2 has no colon\"\n"
		require.Eventually(t, func() bool {
			require.Equal(t, 200, status(basic("hugo", "new")))
			return strings.Count(both.log.String(), said) == 1
		}, 10*time.Second, 50*time.Millisecond)
		require.Equal(t, 401, status(basic("ivan", "x")))
	})
}

func TestServerRefusesSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, text)
		return path
	}
	utf16 := file("utf16", "\xff\xfea\x00:\x00b\x00\r\x00\n\x00")
	huge := file("huge", "")
	require.NoError(t, os.Truncate(huge, 1<<30))
	empty, twice, noName := file("empty", "# nobody yet\n"), file("twice", "a:secret1\na:secret2\n"), file("noname", ":secret\n")
	for name, tc := range map[string]struct {
		opts ember.ServerOpts
		want string
	}{
		"a user without a name":     {ember.ServerOpts{Users: map[string]string{"": "secret"}}, `a user cannot be called ""`},
		"a user with a colon":       {ember.ServerOpts{Users: map[string]string{"a:b": "secret"}}, `a user cannot be called "a:b"`},
		"a user without password":   {ember.ServerOpts{Users: map[string]string{"a": ""}}, `user "a" has no password`},
		"an empty token":            {ember.ServerOpts{Tokens: []string{""}}, `a token is empty`},
		"a token of a file as read": {ember.ServerOpts{Tokens: []string{"secret\n"}}, `a token begins or ends with a space, or has a control character, so no request could have it`},
		"a token with space":        {ember.ServerOpts{Tokens: []string{" secret"}}, `a token begins or ends with a space, or has a control character, so no request could have it`},
		"a password as read":        {ember.ServerOpts{Users: map[string]string{"a": "secret\n"}}, `the name or password of user "a" has a control character`},
		"a name with a tab":         {ember.ServerOpts{Users: map[string]string{"a\t": "secret"}}, `the name or password of user "a\t" has a control character`},
		"a file in UTF-16":          {ember.ServerOpts{TokensFile: utf16}, utf16 + `: line 1: a token begins or ends with a space, or has a control character, so no request could have it`},
		"a directory":               {ember.ServerOpts{UsersFile: dir}, dir + ` is no regular file`},
		"a file without an end":     {ember.ServerOpts{UsersFile: huge}, huge + ` has 1073741824 bytes, and may have 16777216`},
		"no users":                  {ember.ServerOpts{Users: map[string]string{}}, `there are neither users nor tokens, so nobody would get in`},
		"no tokens":                 {ember.ServerOpts{Tokens: []string{}}, `there are neither users nor tokens, so nobody would get in`},
		"a file of none":            {ember.ServerOpts{UsersFile: empty}, `there are neither users nor tokens, so nobody would get in`},
		"a file of no name":         {ember.ServerOpts{UsersFile: noName}, noName + `: line 1: a user cannot be called ""`},
		"a user twice":              {ember.ServerOpts{UsersFile: twice}, twice + `: line 2: user "a" is there twice`},
		"a file that is not there":  {ember.ServerOpts{TokensFile: filepath.Join(dir, "none")}, "open " + filepath.Join(dir, "none") + ": no such file or directory"},
		"no prefix":                 {ember.ServerOpts{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), {}}}, `Allow[1] is no prefix of addresses`},
	} {
		t.Run(name, func(t *testing.T) {
			if os.PathSeparator == '\\' && name == "a file that is not there" {
				t.Skip("Windows words it differently")
			}
			tc.opts.Gatherer = oneGauge()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tc.opts.Listening = func(net.Addr) { cancel() } // and there is no error
			require.EqualError(t, ember.ListenAndServe(ctx, "127.0.0.1:0", tc.opts), `ember: server "127.0.0.1:0": `+tc.want)
		})
	}
}

func TestServerAllow(t *testing.T) {
	prefixes := func(texts ...string) []netip.Prefix {
		list := []netip.Prefix{}
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	for name, tc := range map[string]struct {
		opts    ember.ServerOpts
		metrics int
		health  int
	}{
		"this machine":          {ember.ServerOpts{Allow: prefixes("10.0.0.0/8", "127.0.0.0/8")}, 200, 200},
		"others":                {ember.ServerOpts{Allow: prefixes("10.0.0.0/8", "::/0")}, 403, 200},
		"others, and no health": {ember.ServerOpts{Allow: prefixes("10.0.0.0/8"), GuardHealth: true}, 403, 403},
		"nobody":                {ember.ServerOpts{Allow: prefixes()}, 403, 200},
		"also with a password":  {ember.ServerOpts{Allow: prefixes("10.0.0.0/8"), Users: map[string]string{"a": "b"}}, 403, 200},
		"IPv4 within IPv6":      {ember.ServerOpts{Allow: prefixes("::ffff:127.0.0.0/104")}, 200, 200},
		"all of IPv4, as IPv6":  {ember.ServerOpts{Allow: prefixes("::ffff:0:0/96")}, 200, 200},
		"and a password":        {ember.ServerOpts{Allow: prefixes("127.0.0.1/32"), Users: map[string]string{"a": "c"}}, 401, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveMetrics(t, "127.0.0.1:0", tc.opts)
			c := client(t)
			header := []string{"X-Forwarded-For", "10.0.0.1", "X-Real-Ip", "10.0.0.1", "Forwarded", "for=10.0.0.1", "Authorization", "Basic YTpi"}
			resp, body := ask(t, c, "GET", "http://"+s.addr+"/metrics", header...)
			require.Equal(t, tc.metrics, resp.StatusCode)
			if tc.metrics == 403 {
				require.Regexp(t, `^ember: 127\.0\.0\.1:\d+ is not an address that may see this\n$`, body)
			}
			resp, _ = ask(t, c, "GET", "http://"+s.addr+"/-/healthy", header...)
			require.Equal(t, tc.health, resp.StatusCode)
		})
	}
	t.Run("of IPv4, where IPv6 listens", func(t *testing.T) {
		s := serveMetrics(t, ":0", ember.ServerOpts{Allow: prefixes("127.0.0.1/32")})
		_, port, err := net.SplitHostPort(s.addr)
		require.NoError(t, err)
		resp, _ := ask(t, client(t), "GET", "http://127.0.0.1:"+port+"/metrics")
		require.Equal(t, 200, resp.StatusCode)
		if l, err := net.Listen("tcp", "[::1]:0"); err == nil { // there is IPv6
			l.Close()
			resp, _ = ask(t, client(t), "GET", "http://[::1]:"+port+"/metrics")
			require.Equal(t, 403, resp.StatusCode)
		}
	})
}

// The first of several credentials counts, and no other header is one.
func TestServerSecretsOfSeveralHeaders(t *testing.T) {
	t.Parallel()
	s := serveMetrics(t, "127.0.0.1:0", ember.ServerOpts{Tokens: []string{"one"}, Users: map[string]string{"anna": "secret"}})
	for name, tc := range map[string]struct {
		header http.Header
		want   int
	}{
		"right, then wrong":    {http.Header{"Authorization": {"Bearer one", "Bearer two"}}, 200},
		"wrong, then right":    {http.Header{"Authorization": {"Bearer two", "Bearer one"}}, 401},
		"nothing, then right":  {http.Header{"Authorization": {"", "Bearer one"}}, 401},
		"both in one":          {http.Header{"Authorization": {"Bearer one, Basic YW5uYTpzZWNyZXQ="}}, 401},
		"of a proxy":           {http.Header{"Proxy-Authorization": {"Bearer one"}}, 401},
		"in the query alone":   {nil, 401},
		"no colon":             {http.Header{"Authorization": {"Basic YW5uYQ=="}}, 401},
		"no name, no password": {http.Header{"Authorization": {"Basic Og=="}}, 401},
		"no base64":            {http.Header{"Authorization": {"Basic one"}}, 401},
		"BASIC":                {http.Header{"Authorization": {"BASIC YW5uYTpzZWNyZXQ="}}, 200},
		"BEARER":               {http.Header{"Authorization": {"BEARER one"}}, 200},
		"a token in Basic":     {http.Header{"Authorization": {"Basic OnNlY3JldA=="}}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD", "POST"} {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+"/metrics?access_token=one", nil)
				require.NoError(t, err)
				if tc.header != nil {
					r.Header = tc.header
				}
				resp, err := client(t).Do(r)
				require.NoError(t, err)
				resp.Body.Close()
				want := tc.want
				if want == 200 && method == "POST" {
					want = 405
				}
				require.Equal(t, want, resp.StatusCode, method)
			}
		})
	}
}
