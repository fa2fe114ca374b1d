// SPDX-License-Identifier: Apache-2.0

package ember

import "github.com/embermetrics/ember/internal/childmap"

// reenter takes a series out of the vector, and lets what it has, and what comes in later
// through its instrument, go on as the series that its label values lead to now. This is a
// placeholder, which forgets what the series had.
func (v *view) reenter(c *childmap.Child) { v.remove(c) }
