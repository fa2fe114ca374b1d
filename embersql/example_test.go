// SPDX-License-Identifier: Apache-2.0

package embersql_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embersql"
	"github.com/embermetrics/ember/embersql/internal/fake"
	"github.com/embermetrics/ember/metric"
)

// A driver for the examples: that of a real database is imported instead.
func init() {
	sql.Register("example", &fake.Driver{World: new(fake.World), Conn: allConn, Stmt: allStmt})
}

// some is a Gatherer of what was gathered.
type some []*metric.Family

func (s some) Gather() ([]*metric.Family, error) { return s, nil }

// show prints some of what a registry exposes.
func show(reg *ember.Registry, names ...string) {
	families, _ := reg.Gather()
	families = slices.DeleteFunc(families, func(f *metric.Family) bool { return !slices.Contains(names, f.Name) })
	ember.WriteText(os.Stdout, some(families))
}

func ExampleOpen() {
	reg := ember.NewRegistry()
	db, err := embersql.Open(reg, "example", "postgres://localhost/orders", embersql.Options{DB: "orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	var number int
	var name string
	err = db.QueryRow("SELECT number, name FROM customers").Scan(&number, &name)
	fmt.Println(number, name, err)

	show(reg, "sql_rows_returned_total", "go_sql_open_connections")
	// Output:
	// 1 name <nil>
	// # HELP go_sql_open_connections Connections that are open, in use or idle.
	// # TYPE go_sql_open_connections gauge
	// go_sql_open_connections{db_name="orders"} 1
	// # HELP sql_rows_returned_total Rows that queries returned and somebody read.
	// # TYPE sql_rows_returned_total counter
	// sql_rows_returned_total{db="orders"} 1
}

// A connector knows more than a data source name can say.
func ExampleWrapConnector() {
	reg := ember.NewRegistry()
	connector := fake.Connector{D: &fake.Driver{World: new(fake.World)}} // of a driver's own configuration
	db := sql.OpenDB(embersql.WrapConnector(reg, connector, embersql.Options{
		DB:        "stock",
		QueryName: embersql.QueryName,
	}))
	defer db.Close()

	ctx := embersql.WithQueryName(context.Background(), "reserve_item")
	_, err := db.ExecContext(ctx, "UPDATE items SET reserved = reserved + 1 fail")
	fmt.Println(err)

	show(reg, "sql_query_errors_total")
	// Output:
	// fake: failed
	// # HELP sql_query_errors_total Statements with a name that failed.
	// # TYPE sql_query_errors_total counter
	// sql_query_errors_total{db="stock",query="reserve_item"} 1
}

func ExampleWrapDriver() {
	reg := ember.NewRegistry()
	sql.Register("example-measured", embersql.WrapDriver(reg, &fake.Driver{World: new(fake.World)}, embersql.Options{DB: "users"}))

	db, err := sql.Open("example-measured", "…")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	fmt.Println(db.Ping())
	// Output: <nil>
}

func ExampleRegisterStats() {
	reg := ember.NewRegistry()
	db, err := sql.Open("example", "…")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
	if err := embersql.RegisterStats(reg, db, "orders"); err != nil {
		fmt.Println(err)
	}

	show(reg, "go_sql_max_open_connections")
	// Output:
	// # HELP go_sql_max_open_connections Connections that may be open at once; 0 if there is no limit.
	// # TYPE go_sql_max_open_connections gauge
	// go_sql_max_open_connections{db_name="orders"} 20
}

func ExampleUnwrap() {
	connector := embersql.WrapConnector(ember.NewRegistry(), fake.Connector{D: &fake.Driver{World: new(fake.World)}}, embersql.Options{})
	db := sql.OpenDB(connector)
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	err = conn.Raw(func(dc any) error {
		own := embersql.Unwrap(dc) // a *stdlib.Conn, or whatever the driver has
		fmt.Println(own != dc)
		return nil
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
