// SPDX-License-Identifier: Apache-2.0

// Package docs_test has the programs that the guides beside it quote, and what generates
// the pages that come from the code.
package docs_test
