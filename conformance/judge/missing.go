// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"os"
	"testing"
)

// Missing skips a test whose judge is not installed, and fails it where everything
// must be: under CI. The judge is in a package of Debian's.
func Missing(t testing.TB, what, debian string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s; apt-get install %s", what, debian)
	}
	t.Skipf("%s; apt-get install %s", what, debian)
}
