// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
)

// secrets say who gets in. Only their sums are kept, which all have one length, so that
// comparing them tells nothing about it.
type secrets struct {
	challenges []string
	files      *files                  // nil: there are none
	now        atomic.Pointer[keyring] // as of the files
}

type sum = [sha256.Size]byte

// keyring holds sums: of names and passwords, and of tokens.
type keyring struct {
	users  []struct{ name, password sum }
	tokens []sum
}

func sumOf(text string) sum { return sha256.Sum256([]byte(text)) }

// newSecrets returns nil if everybody gets in.
func newSecrets(opts ServerOpts, log *slog.Logger) (*secrets, error) {
	s := &secrets{}
	var paths []string
	if opts.Users != nil || opts.UsersFile != "" {
		s.challenges = append(s.challenges, `Basic realm="metrics", charset="UTF-8"`)
	}
	if opts.Tokens != nil || opts.TokensFile != "" {
		s.challenges = append(s.challenges, `Bearer realm="metrics"`)
	}
	if s.challenges == nil {
		return nil, nil
	}
	opts.Users, opts.Tokens = maps.Clone(opts.Users), slices.Clone(opts.Tokens) // whose they are may change them
	load := func() error {
		k, err := newKeyring(opts)
		if err == nil {
			s.now.Store(k)
		}
		return err
	}
	for _, path := range []string{opts.UsersFile, opts.TokensFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	if paths == nil {
		return s, load()
	}
	var err error
	s.files, err = newFiles(log, load, paths...)
	return s, err
}

// newKeyring reads the files. Errors never show a secret.
func newKeyring(opts ServerOpts) (*keyring, error) {
	k := &keyring{}
	known := make(map[string]bool)
	addUser := func(name, password string) error {
		switch {
		case name == "" || strings.Contains(name, ":"):
			return errorf("a user cannot be called %q", name)
		case password == "":
			return errorf("user %q has no password", name)
		case strings.ContainsFunc(name+password, unicode.IsControl):
			return errorf("the name or password of user %q has a control character", name)
		case known[name]:
			return errorf("user %q is there twice", name)
		}
		known[name] = true
		k.users = append(k.users, struct{ name, password sum }{sumOf(name), sumOf(password)})
		return nil
	}
	addToken := func(token string) error {
		switch {
		case token == "":
			return errorf("a token is empty")
		case strings.Trim(token, " ") != token, strings.ContainsFunc(token, unicode.IsControl):
			return errorf("a token begins or ends with a space, or has a control character, so no request could have it")
		}
		k.tokens = append(k.tokens, sumOf(token))
		return nil
	}
	for name, password := range opts.Users {
		if err := addUser(name, password); err != nil {
			return nil, err
		}
	}
	for _, token := range opts.Tokens {
		if err := addToken(token); err != nil {
			return nil, err
		}
	}
	err := eachLine(opts.UsersFile, func(n int, line string) error {
		name, password, ok := strings.Cut(line, ":")
		if !ok {
			return errorf("%s: line %d has no colon", opts.UsersFile, n)
		}
		if err := addUser(name, password); err != nil {
			return errorf("%s: line %d: %w", opts.UsersFile, n, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachLine(opts.TokensFile, func(n int, line string) error {
		if err := addToken(strings.Trim(line, " \t")); err != nil {
			return errorf("%s: line %d: %w", opts.TokensFile, n, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(k.users)+len(k.tokens) == 0 {
		return nil, errorf("there are neither users nor tokens, so nobody would get in")
	}
	return k, nil
}

// eachLine calls f with the lines of a file that say something. No file has none.
func eachLine(path string, f func(n int, line string) error) error {
	if path == "" {
		return nil
	}
	text, err := readFile(path)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := f(n, line); err != nil {
			return err
		}
	}
	return nil
}

// admit reports whether a request has what it takes.
func (s *secrets) admit(r *http.Request) bool {
	if s.files != nil {
		s.files.refresh()
	}
	k := s.now.Load()
	right := 0
	if name, password, ok := r.BasicAuth(); ok {
		n, p := sumOf(name), sumOf(password)
		for i := range k.users {
			u := &k.users[i]
			right |= subtle.ConstantTimeCompare(n[:], u.name[:]) & subtle.ConstantTimeCompare(p[:], u.password[:])
		}
		return right == 1
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	t := sumOf(strings.TrimLeft(token, " "))
	for i := range k.tokens {
		right |= subtle.ConstantTimeCompare(t[:], k.tokens[i][:])
	}
	return right == 1
}
