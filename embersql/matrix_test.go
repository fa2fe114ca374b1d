// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
	"github.com/embermetrics/ember/embersql/internal/fake"
)

// program uses everything of database/sql that reaches drivers, and writes down what it
// sees of that.
type program struct {
	db    *sql.DB
	world *fake.World
	seen  []string
	out   string // of an argument that drivers set
}

func (p *program) see(what string, err error, values ...any) {
	line := fmt.Sprintf("%s: %v, %v", what, values, err)
	for _, target := range []error{fake.ErrFail, driver.ErrBadConn, driver.ErrSkip, context.Canceled, sql.ErrNoRows, sql.ErrTxDone} {
		if errors.Is(err, target) {
			line += " is " + target.Error()
		}
	}
	p.seen = append(p.seen, line)
}

type (
	executes interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}
	asks interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
)

func (p *program) exec(ctx context.Context, on executes, query string, args ...any) {
	res, err := on.ExecContext(ctx, query, args...)
	p.result("exec "+query, res, err)
}

func (p *program) result(what string, res sql.Result, err error) {
	if err != nil {
		p.see(what, err)
		return
	}
	affected, err := res.RowsAffected()
	id, err2 := res.LastInsertId()
	p.see(what, errors.Join(err, err2), affected, id)
}

func (p *program) query(ctx context.Context, on asks, query string, args ...any) {
	rows, err := on.QueryContext(ctx, query, args...)
	p.rows("query "+query, rows, err)
}

func (p *program) rows(what string, rows *sql.Rows, err error) {
	if err != nil {
		p.see(what, err)
		return
	}
	types, err := rows.ColumnTypes()
	p.see(what+" types", err, len(types))
	for _, c := range types {
		length, hasLength := c.Length()
		nullable, hasNullable := c.Nullable()
		precision, scale, hasScale := c.DecimalSize()
		p.see(c.Name(), nil, c.ScanType(), c.DatabaseTypeName(), length, hasLength, nullable, hasNullable, precision, scale, hasScale)
	}
	for {
		for rows.Next() {
			var n int
			var name string
			err := rows.Scan(&n, &name)
			p.see(what+" row", err, n, name)
			if strings.Contains(what, "leave") {
				break
			}
		}
		if strings.Contains(what, "sole") {
			_, err := rows.Columns()
			p.see(what+" closed by the end", err)
			break
		}
		if !rows.NextResultSet() {
			break
		}
		p.see(what+" next set", rows.Err())
	}
	p.see(what+" end", rows.Err())
	p.see(what+" closed", rows.Close())
}

// values are arguments that are checked before drivers see them.
func (p *program) values() [][]any {
	return [][]any{
		{1},
		{"text"},
		{sql.Named("n", 1)},
		{sql.Named("n", "text")},
		{fake.Odd{}},
		{fake.Removed{}},
		{fake.Refused{}},
		{fake.Worse{}},
		{fake.Valuer{World: p.world}},
		{sql.Out{Dest: &p.out}},
		{sql.Named("n", sql.Out{Dest: &p.out, In: true})},
		{fake.BadValuer{}},
		{1, fake.Odd{}},
		{1, 2},
		{1, fake.Removed{}},
		{},
	}
}

// run is the program, but for what it does with statements' arguments and rows.
func (p *program) run() {
	ctx := context.WithValue(context.Background(), fake.Key{}, "ctx")
	p.see("ping", p.db.PingContext(ctx))

	for _, query := range []string{"plain", "skip", "fail", "skip fail", "skip deaf"} {
		p.exec(ctx, p.db, query)
		p.query(ctx, p.db, query)
	}
	for bad := range 4 {
		for _, do := range []func(){
			func() { p.see("ping bad", p.db.PingContext(ctx)) },
			func() { p.exec(ctx, p.db, "bad") },
			func() { p.exec(ctx, p.db, "skip bad") },
			func() { p.query(ctx, p.db, "bad") },
			func() {
				tx, err := p.db.BeginTx(ctx, nil)
				p.see("begin bad", err)
				if err == nil {
					p.world.Plan(bad, nil)
					p.see("commit bad", tx.Commit())
				}
			},
		} {
			p.world.Plan(bad, nil)
			do()
		}
	}
	p.world.Plan(0, nil)
	for _, state := range []string{"invalid", "lost", "stuck"} {
		p.exec(ctx, p.db, state)
		p.exec(ctx, p.db, "plain")
		p.query(ctx, p.db, state)
		p.see("ping after "+state, p.db.PingContext(ctx))
	}
	p.arguments(ctx, "? ")
	p.transactions(ctx)
	p.cancellations(ctx)

	c, err := p.db.Conn(ctx)
	p.see("conn", err)
	p.exec(ctx, c, "plain")
	p.see("conn closed", c.Close())
	p.see("closed", p.db.Close())
	p.see("ping closed", p.db.PingContext(ctx))
}

func (p *program) arguments(ctx context.Context, query string) {
	for _, args := range p.values() {
		p.exec(ctx, p.db, query, args...)
		p.query(ctx, p.db, query+"skip", args...)
		p.see("out", nil, p.out)
	}
}

// statements is the program of prepared statements.
func (p *program) statements() {
	ctx := context.WithValue(context.Background(), fake.Key{}, "ctx")
	for _, query := range []string{"?", "? any", "? fail", "?? bad", "? invalid"} {
		s, err := p.db.PrepareContext(ctx, query)
		p.see("prepare "+query, err)
		for _, args := range p.values() {
			p.world.Plan(1, nil)
			res, err := s.ExecContext(ctx, args...)
			p.result("statement exec "+query, res, err)
			p.world.Plan(1, nil)
			rows, err := s.QueryContext(ctx, args...)
			p.rows("statement query "+query, rows, err)
		}
		p.see("statement closed", s.Close())
	}
	p.arguments(ctx, "skip ?")
	for _, query := range []string{"?", "cancel ?"} {
		for range 2 {
			inner, cancel := context.WithCancel(ctx)
			p.world.Plan(0, cancel)
			s, err := p.db.PrepareContext(inner, query)
			p.see("prepare canceled", err)
			if err == nil {
				res, err := s.ExecContext(inner, 1)
				p.result("exec canceled", res, err)
				s.Close()
			}
			cancel()
		}
	}
	p.see("closed", p.db.Close())
}

// reading is the program of rows.
func (p *program) reading() {
	ctx := context.WithValue(context.Background(), fake.Key{}, "ctx")
	for _, query := range []string{"plain", "sets", "sets leave", "leave", "late", "sets late", "unclosed", "late unclosed", "skip", "skip unclosed", "sole", "sole sets"} {
		p.query(ctx, p.db, query)
		p.query(ctx, p.db, query+" ?", 1)
	}
	p.see("closed", p.db.Close())
}

func (p *program) transactions(ctx context.Context) {
	for _, opts := range []*sql.TxOptions{nil, {}, {Isolation: sql.LevelSerializable}, {ReadOnly: true}} {
		for _, commit := range []bool{true, false} {
			tx, err := p.db.BeginTx(ctx, opts)
			p.see("begin", err, commit)
			if err != nil {
				continue
			}
			p.exec(ctx, tx, "plain")
			p.query(ctx, tx, "skip")
			if commit {
				p.see("commit", tx.Commit())
			} else {
				p.see("rollback", tx.Rollback())
			}
			p.see("again", tx.Rollback())
		}
	}
	// Whether the connection outlives it depends on what methods it has.
	inner, cancel := context.WithCancel(ctx)
	_, err := p.db.BeginTx(inner, nil)
	p.see("begin, to be canceled", err)
	cancel()
	p.see("ping, once it is rolled back", p.db.PingContext(ctx))
}

// cancellations has contexts end while the driver is at work.
func (p *program) cancellations(ctx context.Context) {
	for _, do := range []func(context.Context){
		func(ctx context.Context) { p.exec(ctx, p.db, "cancel") },
		func(ctx context.Context) { p.exec(ctx, p.db, "skip cancel") },
		func(ctx context.Context) { p.exec(ctx, p.db, "?", fake.Canceler{World: p.world}) },
		func(ctx context.Context) {
			_, err := p.db.QueryContext(ctx, "fail ?", fake.Canceler{World: p.world})
			p.see("query canceled", err)
		},
		func(ctx context.Context) {
			s, err := p.db.PrepareContext(ctx, "cancel")
			p.see("prepare canceled", err)
			if err == nil {
				s.Close()
			}
		},
		func(ctx context.Context) {
			_, err := p.db.BeginTx(ctx, nil)
			p.see("begin canceled", err)
		},
	} {
		inner, cancel := context.WithCancel(ctx)
		p.world.Plan(0, cancel)
		do(inner)
		cancel()
		p.world.Plan(0, nil)
		p.see("ping after it", p.db.PingContext(ctx))
	}
}

// see returns all that the program and the driver see, with one connection at a time.
func see(d *fake.Driver, wrap func(driver.Connector) driver.Connector, do func(*program)) (seen, calls []string) {
	d.World = new(fake.World)
	p := &program{db: sql.OpenDB(wrap(fake.Connector{D: d})), world: d.World}
	p.db.SetMaxOpenConns(1)
	do(p)
	return p.seen, d.Calls()
}

func plain(c driver.Connector) driver.Connector { return c }

// noticed says what the driver or the program sees that is different when the driver is
// wrapped.
func noticed(d fake.Driver, wrap func(driver.Connector) driver.Connector, do func(*program)) error {
	wantSeen, wantCalls := see(&d, plain, do)
	gotSeen, gotCalls := see(&d, wrap, do)
	err := errors.Join(differ("the program sees", wantSeen, gotSeen), differ("the driver sees", wantCalls, gotCalls))
	if err == nil {
		return nil
	}
	return fmt.Errorf("a driver of connections %s, statements %s and rows %s: %w",
		shape(d.Conn, fake.ConnOptions), shape(d.Stmt, fake.StmtOptions), shape(d.Rows, fake.RowsOptions), err)
}

func differ(what string, want, got []string) error {
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return fmt.Errorf("%s as number %d %q and not %q, after %q", what, i, g, w, want[max(0, i-5):min(i, len(want))])
		}
	}
	return nil
}

func shape(index int, options []string) string {
	has := []string{}
	for i, o := range options {
		if index>>i&1 == 1 {
			has = append(has, o)
		}
	}
	return fmt.Sprint(has)
}

// inParallel calls f for the numbers below n, a stride apart, and fails the test with the first errors.
func inParallel(t *testing.T, n int, f func(int) error) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := w * stride; i < n && errs[w] == nil; i += workers * stride {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// TestUnnoticed is the promise of the package: a driver and a program that are wrapped
// cannot tell. There is a driver for each subset of the methods that are optional.
func TestUnnoticed(t *testing.T) {
	exactly := embersql.Options{NoRowsAffected: true}
	const (
		conns = 1 << 10
		stmts = 1 << 4
	)
	rows := 1 << len(fake.RowsOptions)
	reg := ember.NewRegistry()
	wrap := func(c driver.Connector) driver.Connector { return embersql.WrapConnector(reg, c, exactly) }
	t.Run("connections", func(t *testing.T) {
		require.Len(t, fake.ConnOptions, 10)
		inParallel(t, conns, func(i int) error {
			return noticed(fake.Driver{Conn: i, Stmt: i % stmts, Rows: i % rows}, wrap, (*program).run)
		})
	})
	t.Run("statements", func(t *testing.T) {
		require.Len(t, fake.StmtOptions, 4)
		inParallel(t, conns, func(i int) error {
			// Each statement meets each way of executing, querying and checking.
			stmt := (i ^ i>>4 ^ i>>8) % stmts
			return noticed(fake.Driver{Conn: i, Stmt: stmt}, wrap, (*program).statements)
		})
	})
	t.Run("rows", func(t *testing.T) {
		require.GreaterOrEqual(t, len(fake.RowsOptions), 6) // and since Go 1.27 seven
		inParallel(t, rows, func(i int) error {
			return errors.Join(
				noticed(fake.Driver{Conn: 0, Stmt: stmts - 1, Rows: i}, wrap, (*program).reading),
				noticed(fake.Driver{Conn: conns - 1, Stmt: 0, Rows: i}, wrap, (*program).reading),
			)
		})
	})
	t.Run("wrapped twice", func(t *testing.T) {
		twice := func(c driver.Connector) driver.Connector { return wrap(wrap(c)) }
		inParallel(t, conns/8, func(i int) error {
			d := fake.Driver{Conn: i*8 + i%8, Stmt: i % stmts, Rows: i % rows}
			return errors.Join(noticed(d, twice, (*program).run), noticed(d, twice, (*program).statements))
		})
	})
}

// TestKnownInterfaces wants an answer to interfaces that package driver gets in a later
// version of Go: each of those that a driver may have is either one of the fake's options
// or named here.
func TestKnownInterfaces(t *testing.T) {
	known := map[string]bool{
		"Driver": true, "DriverContext": true, "Connector": true, "Conn": true, "Stmt": true, "Tx": true, "Rows": true, "Result": true,
		// Of values, not of drivers.
		"Valuer": true, "ValueConverter": true,
		// Under shorter names in package fake.
		"NamedValueChecker": true, "ColumnConverter": true, "decimalDecompose": true, "decimal": true,
		"RowsColumnTypeScanType": true, "RowsColumnTypeDatabaseTypeName": true, "RowsColumnTypeLength": true,
		"RowsColumnTypeNullable": true, "RowsColumnTypePrecisionScale": true,
	}
	for _, options := range [][]string{fake.ConnOptions, fake.StmtOptions, fake.RowsOptions} {
		for _, o := range options {
			known[strings.ToUpper(o[:1])+o[1:]] = true // StmtExecContext
			known[o[len("conn"):]] = true              // Pinger
		}
	}
	pkg, err := build.Import("database/sql/driver", ".", 0)
	require.NoError(t, err)
	found := 0
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, name), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if _, ok := spec.Type.(*ast.InterfaceType); ok {
					found++
					require.True(t, known[spec.Name.Name], "driver.%s is an interface that embersql does not know", spec.Name.Name)
				}
			}
			return true
		})
	}
	require.Greater(t, found, 25)
}
