package healthcheck

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzClean: whatever a target says, what is shown of it is one short line that
// no terminal obeys.
func FuzzClean(f *testing.F) {
	for _, said := range []string{
		"ok", "", "a\nb\r\n\tc", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u202eevil", "\xff\xfe", "\u0085\u2028",
		strings.Repeat("x", 300), strings.Repeat("é", 300), strings.Repeat(" ", 5000) + "late", "a" + strings.Repeat("\x00", 5000),
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		clean := Clean(said)
		if len(clean) > 256 || !utf8.ValidString(clean) {
			t.Errorf("Clean(%q) is %q, of %d bytes", said, clean, len(clean))
		}
		for _, r := range clean {
			if r != ' ' && r != utf8.RuneError && !unicode.IsPrint(r) {
				t.Errorf("Clean(%q) has %U: %q", said, r, clean)
			}
		}
		if again := Clean(clean); again != clean && !strings.HasSuffix(clean, "…") {
			t.Errorf("Clean(%q) is %q, and cleaned again %q", said, clean, again)
		}
	})
}

// TestClean keeps what can be read.
func TestClean(t *testing.T) {
	for said, want := range map[string]string{
		"  it is\r\n\tbusy ": "it is busy", "\x1b[31mred": "\ufffd[31mred", "über": "über", strings.Repeat("x", 300): strings.Repeat("x", 252) + "…",
	} {
		if got := Clean(said); got != want {
			t.Errorf("Clean(%q) = %q, want %q", said, got, want)
		}
	}
}
