// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
	"github.com/embermetrics/ember/embersql/internal/fake"
)

// closingDriver is a driver whose connectors can be closed.
type closingDriver struct{ fake.ContextDriver }

func (d closingDriver) OpenConnector(name string) (driver.Connector, error) {
	c, err := d.ContextDriver.OpenConnector(name)
	if err != nil {
		return nil, err
	}
	return fake.ClosingConnector{Connector: c.(fake.Connector)}, nil
}

var registered atomic.Int64

// register makes a driver known to database/sql and returns its name.
func register(d driver.Driver) string {
	name := fmt.Sprint("fake-", registered.Add(1))
	sql.Register(name, d)
	return name
}

// TestDrivers does with drivers what TestUnnoticed does with connections.
func TestDrivers(t *testing.T) {
	kinds := map[string]func(*fake.Driver) driver.Driver{
		"that open by name":              func(d *fake.Driver) driver.Driver { return d },
		"with connectors":                func(d *fake.Driver) driver.Driver { return fake.ContextDriver{Driver: d} },
		"with connectors that can close": func(d *fake.Driver) driver.Driver { return closingDriver{fake.ContextDriver{Driver: d}} },
	}
	for name, kind := range kinds {
		for _, dsn := range []string{"name", "fail"} {
			t.Run(name+" "+dsn, func(t *testing.T) {
				run := func(wrap func(driver.Driver) driver.Driver) (string, []string) {
					d := newFake()
					driverName := register(wrap(kind(d)))
					seen := ""
					db, err := sql.Open(driverName, dsn)
					seen += fmt.Sprintln("open", err)
					if err != nil {
						return seen, d.Calls()
					}
					seen += fmt.Sprintln("driver", db.Driver() == driver.Driver(d))
					_, err = db.ExecContext(context.WithValue(t.Context(), fake.Key{}, "ctx"), "plain ?", 1)
					seen += fmt.Sprintln("exec", err)
					d.Plan(3, nil)
					db.SetMaxIdleConns(-1)
					seen += fmt.Sprintln("no connection", db.Ping())
					seen += fmt.Sprintln("close", db.Close())
					return seen, d.Calls()
				}
				reg := ember.NewRegistry()
				wantSeen, wantCalls := run(func(d driver.Driver) driver.Driver { return d })
				gotSeen, gotCalls := run(func(d driver.Driver) driver.Driver {
					return embersql.WrapDriver(reg, d, embersql.Options{NoRowsAffected: true})
				})
				require.Equal(t, wantSeen, gotSeen)
				require.Equal(t, wantCalls, gotCalls)
				if dsn == "name" {
					require.Equal(t, []string{
						`sql_errors_total{db="default",operation="connect",reason="bad_connection"} 3`,
						`sql_operation_duration_seconds_count{db="default",operation="connect"} 4`,
					}, lines(t, reg, `(errors_total|_count){.*"connect"`))
				}
			})
		}
	}
	t.Run("opened directly", func(t *testing.T) {
		reg := ember.NewRegistry()
		c, err := embersql.WrapDriver(reg, newFake(), embersql.Options{}).Open("name")
		require.NoError(t, err)
		require.NotEqual(t, c, embersql.Unwrap(c))
		require.Len(t, lines(t, reg, `_count{.*"connect"`), 1)
	})
}

func TestOpen(t *testing.T) {
	reg := ember.NewRegistry()
	for _, d := range []func(*fake.Driver) driver.Driver{
		func(d *fake.Driver) driver.Driver { return d },
		func(d *fake.Driver) driver.Driver { return fake.ContextDriver{Driver: d} },
	} {
		own := newFake()
		name := register(d(own))
		db, err := embersql.Open(reg, name, "dsn", embersql.Options{DB: name})
		require.NoError(t, err)
		defer db.Close()
		require.Equal(t, own, db.Driver())
		require.NoError(t, db.Ping())
		require.Equal(t, []string{fmt.Sprintf(`sql_operation_duration_seconds_count{db=%q,operation="ping"} 1`, name)}, lines(t, reg, `_count{db="`+name+`",operation="ping"`))
		require.Equal(t, []string{fmt.Sprintf(`go_sql_open_connections{db_name=%q} 1`, name)}, lines(t, reg, `go_sql_open_connections{db_name="`+name))

		_, err = embersql.Open(reg, name, "dsn", embersql.Options{DB: name})
		require.ErrorAs(t, err, new(*ember.AlreadyRegisteredError))
	}
	_, err := embersql.Open(reg, "no such driver", "dsn", embersql.Options{})
	require.EqualError(t, err, `sql: unknown driver "no such driver" (forgotten import?)`)
	_, err = embersql.Open(reg, register(fake.ContextDriver{Driver: newFake()}), "fail", embersql.Options{})
	require.ErrorIs(t, err, fake.ErrFail)
}

// namedDriver is a closingDriver whose connectors name it as theirs.
type namedDriver struct{ closingDriver }

func (d namedDriver) OpenConnector(name string) (driver.Connector, error) {
	c, err := d.closingDriver.OpenConnector(name)
	return namingConnector{c.(fake.ClosingConnector), d}, err
}

type namingConnector struct {
	fake.ClosingConnector
	driver driver.Driver
}

func (c namingConnector) Driver() driver.Driver { return c.driver }

// TestOpenClosesConnectors wants each connector that is opened and is of no use to be
// closed, and that it is not Open's failure if that fails.
func TestOpenClosesConnectors(t *testing.T) {
	reg := ember.NewRegistry()
	own := newFake()
	name := register(namedDriver{closingDriver{fake.ContextDriver{Driver: own}}})
	db, err := embersql.Open(reg, name, "dsn", embersql.Options{DB: name})
	require.NoError(t, err)
	require.Equal(t, []string{`OpenConnector "dsn"`, "Connector.Close", `OpenConnector "dsn"`}, own.Calls())

	_, err = embersql.Open(reg, name, "dsn", embersql.Options{DB: name})
	require.ErrorAs(t, err, new(*ember.AlreadyRegisteredError))
	require.Equal(t, []string{`OpenConnector "dsn"`, "Connector.Close", `OpenConnector "dsn"`, "Connector.Close"}, own.Calls()[3:])

	require.ErrorIs(t, db.Close(), fake.ErrFail) // as that of sql.Open would
	require.Equal(t, "Connector.Close", own.Calls()[7])
}

func TestStats(t *testing.T) {
	reg := ember.NewRegistry()
	db := open(t, ember.NewRegistry(), newFake(), embersql.Options{})
	require.NoError(t, embersql.RegisterStats(reg, db, "orders"))
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	require.Equal(t, `# HELP go_sql_idle_connections Connections that are idle.
# TYPE go_sql_idle_connections gauge
go_sql_idle_connections{db_name="orders"} 0
# HELP go_sql_in_use_connections Connections that are in use.
# TYPE go_sql_in_use_connections gauge
go_sql_in_use_connections{db_name="orders"} 1
# HELP go_sql_max_idle_closed_total Connections closed because more were idle than SetMaxIdleConns allows.
# TYPE go_sql_max_idle_closed_total counter
go_sql_max_idle_closed_total{db_name="orders"} 0
# HELP go_sql_max_idle_time_closed_total Connections closed because they were idle for longer than SetConnMaxIdleTime allows.
# TYPE go_sql_max_idle_time_closed_total counter
go_sql_max_idle_time_closed_total{db_name="orders"} 0
# HELP go_sql_max_lifetime_closed_total Connections closed because they were older than SetConnMaxLifetime allows.
# TYPE go_sql_max_lifetime_closed_total counter
go_sql_max_lifetime_closed_total{db_name="orders"} 0
# HELP go_sql_max_open_connections Connections that may be open at once; 0 if there is no limit.
# TYPE go_sql_max_open_connections gauge
go_sql_max_open_connections{db_name="orders"} 1
# HELP go_sql_open_connections Connections that are open, in use or idle.
# TYPE go_sql_open_connections gauge
go_sql_open_connections{db_name="orders"} 1
# HELP go_sql_wait_count_total Times that a connection was waited for.
# TYPE go_sql_wait_count_total counter
go_sql_wait_count_total{db_name="orders"} 0
# HELP go_sql_wait_duration_seconds_total Time spent waiting for connections.
# TYPE go_sql_wait_duration_seconds_total counter
go_sql_wait_duration_seconds_total{db_name="orders"} 0
`, text(t, reg))

	require.NoError(t, c.Close())
	db.SetMaxIdleConns(-1)
	require.Equal(t, []string{`go_sql_max_idle_closed_total{db_name="orders"} 1`, `go_sql_max_open_connections{db_name="orders"} 1`}, lines(t, reg, "^go_sql"))

	second := open(t, ember.NewRegistry(), newFake(), embersql.Options{})
	require.NoError(t, embersql.RegisterStats(reg, second, "stock"))
	require.ErrorAs(t, embersql.RegisterStats(reg, second, "orders"), new(*ember.AlreadyRegisteredError))
	require.EqualError(t, embersql.RegisterStats(reg, second, "orders"), `ember: statistics of database "orders": ember: go_sql_max_open_connections is already registered, by a *embersql.Stats`)
	require.EqualError(t, embersql.RegisterStats(reg, second, "\xff"), `ember: statistics of database "\xff": ember: gauge "go_sql_max_open_connections": the value "\xff" of label "db_name" is not valid UTF-8`)
	require.EqualError(t, embersql.RegisterStats(reg, nil, "nothing"), `ember: statistics of database "nothing": it is nil`)

	// A database that is closed has statistics, and is in the way of its successor.
	require.NoError(t, db.Close())
	require.Contains(t, text(t, reg), `go_sql_open_connections{db_name="orders"} 0`)
	require.True(t, reg.Unregister(embersql.NewStats(db, "orders")))
	require.NoError(t, embersql.RegisterStats(reg, second, "orders"))
}

// TestNilRegistry wants the default one.
func TestNilRegistry(t *testing.T) {
	db, err := embersql.Open(nil, register(newFake()), "dsn", embersql.Options{DB: "of the default registry"})
	require.NoError(t, err)
	defer db.Close()
	defer ember.Unregister(embersql.NewStats(db, "of the default registry"))
	require.Len(t, lines(t, ember.Default(), `^go_sql_max_open`), 0)
	require.Contains(t, text(t, ember.Default()), `go_sql_open_connections{db_name="of the default registry"} 0`)
	require.Contains(t, text(t, ember.Default()), `sql_rows_returned_total{db="of the default registry"} 0`)
}
