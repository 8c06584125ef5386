package supervisor

import (
	"os"
	"strings"
	"unicode/utf8"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// What of a failed run's stderr goes into the journal.
const (
	tailLines = 5
	tailBytes = 2 << 10
)

// tail is the last lines of stderr of a run that failed: from its status if the
// shim carried them, else from the file. A tail that cannot be had is no tail.
func (b *brain) tail(id task.RunID, s shim.Status) string {
	text := s.Tail
	if text == "" {
		uid := os.Geteuid()
		if u, err := b.user(b.processes[id.Process]); err == nil {
			uid = u.UID
		}
		end, err := sandbox.LogEnd(b.Dir, id, "stderr", uid, 2*tailBytes)
		if err != nil {
			return ""
		}
		text = string(end)
	}
	return lastLines(text)
}

// lastLines cuts a text down to its last lines, at most tailBytes of valid
// UTF-8 without the last line's end. Control characters other than tabs, which
// could make a terminal do things, become spaces.
func lastLines(text string) string {
	text = strings.TrimRight(text, "\r\n")
	lines := strings.Split(text, "\n")
	text = strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
	if len(text) > tailBytes {
		text = text[len(text)-tailBytes:]
		for len(text) > 0 && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	for len(text) > tailBytes { // U+FFFD is longer than what it stands for
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
	return text
}
