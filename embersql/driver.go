// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"

	"github.com/embermetrics/ember"
)

// Open is sql.Open with everything measured: the driver's operations, as WrapConnector
// does, and the pool, as RegisterStats does. A nil registry is ember.Default(). It fails
// if sql.Open does, or if the pool of another database with the name opts.DB is
// registered already, be that closed: see RegisterStats. What was opened is closed then.
// It panics where WrapConnector does.
//
// A driver that has connectors is asked for two of them, of which the first one is closed
// at once, and is the one that they name as theirs. So a wrapper that names the driver it
// wraps, as that of WrapDriver does, is left out: measure the connectors of such a one with
// WrapConnector.
func Open(reg *ember.Registry, driverName, dataSourceName string, opts Options) (*sql.DB, error) {
	// database/sql tells who the driver of a name is by opening, which connects to nothing.
	found, err := sql.Open(driverName, dataSourceName)
	if err != nil {
		return nil, err
	}
	d := found.Driver()
	found.Close() // of which nothing comes, so a failure is nobody's
	r := newRecorder(reg, opts)
	c, err := r.openConnector(d, dataSourceName)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	if err := RegisterStats(reg, db, r.db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// WrapConnector returns a connector whose connections are those of c and are measured,
// for sql.OpenDB. (*sql.DB).Driver returns c's own driver. A nil registry is
// ember.Default(). WrapConnector panics if the registry has metrics of the same names
// that are something else.
func WrapConnector(reg *ember.Registry, c driver.Connector, opts Options) driver.Connector {
	return newRecorder(reg, opts).connector(c)
}

// WrapDriver is WrapConnector for a driver, for sql.Register under another name than
// the driver's own. All databases that are opened by that name have the label opts.DB.
func WrapDriver(reg *ember.Registry, d driver.Driver, opts Options) driver.Driver {
	return &wrappedDriver{d, newRecorder(reg, opts)}
}

// wrappedDriver always has OpenConnector: where the driver does not, database/sql makes
// a connector of its own that calls Open, and dsnConnector is like that one.
type wrappedDriver struct {
	driver.Driver
	rec *recorder
}

func (d *wrappedDriver) Open(name string) (driver.Conn, error) {
	return d.rec.connect(context.Background(), dsnConnector{name, d.Driver})
}

func (d *wrappedDriver) OpenConnector(name string) (driver.Connector, error) {
	return d.rec.openConnector(d.Driver, name)
}

// openConnector returns what sql.Open would take for its connector, measured.
func (r *recorder) openConnector(d driver.Driver, name string) (driver.Connector, error) {
	dc, ok := d.(driver.DriverContext)
	if !ok {
		return r.connector(dsnConnector{name, d}), nil
	}
	c, err := dc.OpenConnector(name)
	if err != nil {
		return nil, err
	}
	return r.connector(c), nil
}

// dsnConnector is the connector of a driver that has none.
type dsnConnector struct {
	name   string
	driver driver.Driver
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

// connector measures connections, from the first moment on.
type connector struct {
	driver.Connector
	rec *recorder
}

// closingConnector is a connector that (*sql.DB).Close closes.
type closingConnector struct {
	*connector
	io.Closer
}

func (r *recorder) connector(c driver.Connector) driver.Connector {
	w := &connector{c, r}
	if closer, ok := c.(io.Closer); ok {
		return closingConnector{w, closer}
	}
	return w
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.rec.connect(ctx, c.Connector)
}

func (r *recorder) connect(ctx context.Context, c driver.Connector) (driver.Conn, error) {
	k := r.call(ctx, opConnect)
	defer k.end()
	dc, err := c.Connect(ctx)
	k.returned(err)
	if err != nil || dc == nil {
		return dc, err
	}
	return wrapConn(dc, r), nil
}
