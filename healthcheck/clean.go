package healthcheck

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostText bounds a Reason and an Excerpt, in bytes.
const mostText = 256

// Clean makes one short line of what a target, or anybody, has said: no escape
// code, no line break, nothing that is not UTF-8, at most 256 bytes.
func Clean(said string) string {
	var b strings.Builder
	space := false
	for _, r := range said[:min(len(said), 4*mostText)] {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r)+1 > mostText-len("…") {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
