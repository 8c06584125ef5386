package supervisor

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

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
		end, err := endOf(b.Dir, id, uid)
		if err != nil {
			return ""
		}
		text = end
	}
	return lastLines(text)
}

// endOf reads the end of a run's stderr file, which lies in the user's hands:
// only a regular file that is the user's own and has no second name is read, or
// a link could show the user what we may read.
func endOf(dir task.Dir, id task.RunID, uid int) (string, error) {
	root, err := os.OpenRoot(dir.Sandbox())
	if err != nil {
		return "", err
	}
	defer root.Close()
	f, err := root.OpenFile(".logs/"+id.String()+"/stderr", os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || st.Nlink != 1 || int(st.Uid) != uid {
		return "", fmt.Errorf("read %s: it is not a file of the user's own", f.Name())
	}
	end := make([]byte, min(info.Size(), 2*tailBytes))
	n, err := f.ReadAt(end, info.Size()-int64(len(end)))
	if n == 0 && err != nil {
		return "", err
	}
	return string(end[:n]), nil
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
