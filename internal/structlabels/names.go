// SPDX-License-Identifier: Apache-2.0

package structlabels

import (
	"strings"
	"unicode"
)

// snakeCase returns the name of a field as a label is called: UserID is user_id,
// HTTPStatus http_status. An upper case letter begins a word unless it continues a run
// of them; its last one begins a word if a lower case letter follows.
func snakeCase(field string) string {
	var b strings.Builder
	runes := []rune(field)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && runes[i-1] != '_' &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
