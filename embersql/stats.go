// SPDX-License-Identifier: Apache-2.0

package embersql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Stats collects the statistics of a database's pool of connections, under the names
// that dashboards know, with the label db_name:
//
//	go_sql_max_open_connections         the limit; 0: none
//	go_sql_open_connections             in use and idle
//	go_sql_in_use_connections
//	go_sql_idle_connections
//	go_sql_wait_count_total             times that a connection was waited for
//	go_sql_wait_duration_seconds_total  how long
//	go_sql_max_idle_closed_total        closed: too many were idle
//	go_sql_max_idle_time_closed_total   closed: idle for too long
//	go_sql_max_lifetime_closed_total    closed: too old
//
// All of a scrape are of one moment. Create one with NewStats; the zero Stats is not
// usable.
type Stats struct {
	db    *sql.DB
	descs []metric.Desc
}

var poolMetrics = []struct {
	name, help, unit string
	kind             metric.Kind
	value            func(*sql.DBStats) float64
}{
	{"go_sql_max_open_connections", "Connections that may be open at once; 0 if there is no limit.", "", metric.Gauge, func(s *sql.DBStats) float64 { return float64(s.MaxOpenConnections) }},
	{"go_sql_open_connections", "Connections that are open, in use or idle.", "", metric.Gauge, func(s *sql.DBStats) float64 { return float64(s.OpenConnections) }},
	{"go_sql_in_use_connections", "Connections that are in use.", "", metric.Gauge, func(s *sql.DBStats) float64 { return float64(s.InUse) }},
	{"go_sql_idle_connections", "Connections that are idle.", "", metric.Gauge, func(s *sql.DBStats) float64 { return float64(s.Idle) }},
	{"go_sql_wait_count_total", "Times that a connection was waited for.", "", metric.Counter, func(s *sql.DBStats) float64 { return float64(s.WaitCount) }},
	{"go_sql_wait_duration_seconds_total", "Time spent waiting for connections.", "seconds", metric.Counter, func(s *sql.DBStats) float64 { return s.WaitDuration.Seconds() }},
	{"go_sql_max_idle_closed_total", "Connections closed because more were idle than SetMaxIdleConns allows.", "", metric.Counter, func(s *sql.DBStats) float64 { return float64(s.MaxIdleClosed) }},
	{"go_sql_max_idle_time_closed_total", "Connections closed because they were idle for longer than SetConnMaxIdleTime allows.", "", metric.Counter, func(s *sql.DBStats) float64 { return float64(s.MaxIdleTimeClosed) }},
	{"go_sql_max_lifetime_closed_total", "Connections closed because they were older than SetConnMaxLifetime allows.", "", metric.Counter, func(s *sql.DBStats) float64 { return float64(s.MaxLifetimeClosed) }},
}

// NewStats returns a collector of db's statistics that is not registered. The name is
// the value of the label db_name.
func NewStats(db *sql.DB, name string) *Stats {
	s := &Stats{db: db}
	for _, m := range poolMetrics {
		s.descs = append(s.descs, metric.Desc{
			Name: m.name, Help: m.help, Unit: m.unit, Kind: m.kind,
			ConstLabels: []metric.Label{{Name: "db_name", Value: name}},
		})
	}
	return s
}

// RegisterStats registers the statistics of a database's pool of connections. A nil
// registry is ember.Default(). It fails if there is a database of that name in the
// registry, with an ember.AlreadyRegisteredError, and then registers nothing. A database
// that is closed stays: for one that replaces it, Unregister(NewStats(db, name)) makes
// place.
func RegisterStats(reg *ember.Registry, db *sql.DB, name string) error {
	if db == nil {
		return fmt.Errorf("ember: statistics of database %q: it is nil", name)
	}
	if reg == nil {
		reg = ember.Default()
	}
	if err := reg.Register(NewStats(db, name)); err != nil {
		return fmt.Errorf("ember: statistics of database %q: %w", name, err)
	}
	return nil
}

// Describe says what Collect writes.
func (s *Stats) Describe() []metric.Desc { return s.descs }

// Collect writes the statistics. It never fails.
func (s *Stats) Collect(_ context.Context, out *metric.Sink) error {
	stats := s.db.Stats()
	for i := range poolMetrics {
		out.Add(&s.descs[i], metric.Point{Value: poolMetrics[i].value(&stats)})
	}
	return nil
}
