// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"os"

	"github.com/embermetrics/ember/internal/words"
)

// multiprocVariable is where prometheus_client looks too.
const multiprocVariable = "PROMETHEUS_MULTIPROC_DIR"

var errNoMultiproc = errors.New(`the program does not link what opens it: import _ "github.com/embermetrics/ember/multiproc"`)

// joinFromEnv makes a registry one with other processes if the environment says so. If
// that cannot be, it says so in the log, and the registry is that of this process alone.
func (r *Registry) joinFromEnv() {
	path := os.Getenv(multiprocVariable)
	if path == "" {
		return
	}
	err := errNoMultiproc
	if words.Open != nil {
		var option any
		if option, err = words.Open(path); err == nil {
			option.(RegistryOption)(r.registryState)
			return
		}
	}
	r.log().Error("ember: metrics are of this process alone", "variable", multiprocVariable, "dir", path, "error", err)
}
