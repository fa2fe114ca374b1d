// SPDX-License-Identifier: Apache-2.0

package multiproc

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/embermetrics/ember/internal/pydb"
	"github.com/embermetrics/ember/metric"
)

// python reads what Python processes have in the same directory.
type python struct {
	logger *slog.Logger

	mu     sync.Mutex
	dir    *pydb.Dir
	errors map[string]uint64 // by reason, each once for a file
	known  map[problem]bool  // of the last time
	off    bool              // there is no reading them here
}

type problem struct{ path, reason string }

func (p *python) init(path string, logger *slog.Logger) {
	p.logger, p.dir, p.errors = logger, pydb.New(path), make(map[string]uint64)
}

func (p *python) gather(ctx context.Context) ([]*metric.Family, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off {
		return nil, nil
	}
	families, problems, err := p.dir.Read(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		p.off = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := make(map[problem]bool, len(problems))
	for i := range problems {
		f := &problems[i]
		id := problem{f.Path, string(f.Reason)}
		if now[id] = true; p.known[id] {
			continue
		}
		p.errors[id.reason]++
		p.log().Warn("ember: file of a Python process cannot be read, or not all of it; further such errors in it are only counted",
			"path", f.Path, "reason", id.reason, "error", f.Error())
	}
	p.known = now
	return families, nil
}

func (p *python) log() *slog.Logger {
	if p.logger != nil {
		return p.logger
	}
	return slog.Default()
}

// addTo adds the number of errors to those by reason.
func (p *python) addTo(errors map[string]uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for reason, n := range p.errors {
		errors[reason] += n
	}
}
