// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"bytes"
	"cmp"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
)

// missing skips a test that lacks a program, or fails it where nothing may be skipped.
func missing(t *testing.T, program, debian string) {
	t.Helper()
	message := fmt.Sprintf("%s is missing; on Debian: apt-get install %s", program, debian)
	require.NotEqual(t, "true", os.Getenv("CI"), message)
	t.Skip(message)
}

// process is a server that runs until stop, or until the tests end, however they do.
type process struct {
	output buffer
	group  int           // of processes
	ended  chan struct{} // closed once it has ended
	err    error         // of its end, once it has ended
	stop   func()
}

// buffer is what a process writes, while others read it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a server. A shell that reads until the tests let go of it, which the kernel
// does for them if they are killed, stops it with a signal.
func start(t *testing.T, as *syscall.Credential, dir, signal string, command ...string) *process {
	t.Helper()
	const watch = `s=$1; shift; "$@" & p=$!; (cat; kill -$s $p) <&3 >/dev/null 2>&1 & wait $p; s=$?; kill $! 2>/dev/null; exit $s`
	cmd := exec.Command("sh", append([]string{"-c", watch, "sh", signal}, command...)...)
	cmd.Dir = dir
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.ExtraFiles = []*os.File{r} // is 3
	p := &process{ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	r.Close()
	p.group = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	p.stop = func() {
		w.Close()
		<-p.ended
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", command[0], p.output.String())
		}
	})
	return p
}

// await waits until ready says so, while the server runs. It reports false if the server
// ends before.
func (p *process) await(t *testing.T, ready func() error) bool {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := ready()
		if err == nil {
			return true
		}
		select {
		case <-p.ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
		require.True(t, time.Now().Before(deadline), "%v", err)
	}
}

// postgresBin returns the directory of PostgreSQL's programs: that of PATH, or where
// Debian has those that users do not start themselves.
func postgresBin(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	if len(found) == 0 {
		missing(t, "PostgreSQL's initdb", "postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) }))
}

// startPostgres starts a PostgreSQL server of the test's own, which nobody reaches but by
// a socket in the directory that it returns. The user and the database are "postgres".
func startPostgres(t *testing.T) (server *process, socket string) {
	t.Helper()
	bin := postgresBin(t)
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "ember-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })

	var as *syscall.Credential
	if os.Getuid() == 0 { // as whom PostgreSQL refuses to run
		account, err := user.Lookup("postgres")
		require.NoError(t, err, "PostgreSQL does not run as root, and there is no user postgres")
		uid, err := strconv.Atoi(account.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(account.Gid)
		require.NoError(t, err)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(t.Context(), filepath.Join(bin, "initdb"),
		"--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := initdb.CombinedOutput()
	require.NoError(t, err, "%s", out)

	p := start(t, as, dir, "INT", filepath.Join(bin, "postgres"), "-D", data, "-k", dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=fatal", "-c", "max_connections=30")
	// A server that is still starting listens already, so it is asked.
	db, err := sql.Open("pgx", "host="+dir+" user=postgres dbname=postgres sslmode=disable")
	require.NoError(t, err)
	defer db.Close()
	require.True(t, p.await(t, db.Ping), "PostgreSQL ended at once")
	return p, dir
}

// startRedis starts a Redis server of the test's own on a free port of the loopback
// interface.
func startRedis(t *testing.T) (server *process, addr string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server", "redis-server")
	}
	for range 5 { // somebody may take the port before Redis does
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr := l.Addr().String()
		l.Close()
		_, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		p := start(t, nil, t.TempDir(), "TERM", path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
		if p.await(t, func() error {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close()
			}
			return err
		}) {
			return p, addr
		}
	}
	require.Fail(t, "Redis did not start on any of five ports")
	return nil, ""
}
