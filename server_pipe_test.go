// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin || freebsd

package ember_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// Nobody waits for who would write into a pipe.
func TestServerRefusesPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	opts := withTLS(t, newAuthority(t))
	for name, tc := range map[string]struct {
		opts ember.ServerOpts
		want string
	}{
		"users":                 {ember.ServerOpts{UsersFile: pipe}, pipe},
		"tokens":                {ember.ServerOpts{TokensFile: pipe}, pipe},
		"a certificate":         {ember.ServerOpts{CertFile: pipe, KeyFile: opts.KeyFile}, pipe + " and " + opts.KeyFile + ": " + pipe},
		"a key":                 {ember.ServerOpts{CertFile: opts.CertFile, KeyFile: pipe}, opts.CertFile + " and " + pipe + ": " + pipe},
		"clients' certificates": {ember.ServerOpts{CertFile: opts.CertFile, KeyFile: opts.KeyFile, ClientCAFile: pipe}, pipe},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			go func() { ended <- ember.ListenAndServe(t.Context(), "127.0.0.1:0", tc.opts) }()
			select {
			case err := <-ended:
				require.EqualError(t, err, `ember: server "127.0.0.1:0": `+tc.want+" is no regular file")
			case <-time.After(20 * time.Second):
				require.Fail(t, "it waits")
			}
		})
	}
}
