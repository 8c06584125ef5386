package supervisor

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLastLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":        {"", ""},
		"one":            {"alas\n", "alas"},
		"no end of line": {"alas", "alas"},
		"the last five":  {"1\n2\n3\n4\n5\n6\n7\n", "3\n4\n5\n6\n7"},
		"dos":            {"a\r\nb\r\n", "a \nb"},
		"not UTF-8":      {"a\xffb\n", "a\ufffdb"},
		"an escape":      {"\x1b[31mred\tcell\n", " [31mred\tcell"},
	} {
		if got := lastLines(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for name, in := range map[string]string{"long": strings.Repeat("ü", 5000), "garbage": strings.Repeat("a\xff", 5000)} {
		got := lastLines(in)
		if len(got) > tailBytes || len(got) < tailBytes-8 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %v", name, len(got), utf8.ValidString(got))
		}
	}
}
