// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"

	"github.com/embermetrics/ember/metric"
)

// Most errors of Ember are made here, although package fmt could do it: the compiler copies
// fmt.Errorf to wherever it is called, which is more code than the call.

// errorf is fmt.Errorf.
//
//go:noinline
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// joined is errors.Join.
//
//go:noinline
func joined(errs []error) error { return errors.Join(errs...) }

// wrong says what is wrong with what d describes: ember: counter "x_total": …
//
//go:noinline
func wrong(d *metric.Desc, format string, args ...any) error {
	return fmt.Errorf("ember: %v: %w", describe(d), fmt.Errorf(format, args...))
}
