package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme holds the README's first screen to its promise: two commands, and
// the Makefile has them.
func TestReadme(t *testing.T) {
	readme, makefile := text(t, "../README.md"), text(t, "../Makefile")
	first := strings.Join(strings.SplitN(readme, "\n", 41)[:40], "\n")
	for _, command := range []string{"make run", "make test"} {
		if !strings.Contains(first, command) {
			t.Errorf("the README's first 40 lines do not say %q", command)
		}
		if target := strings.TrimPrefix(command, "make ") + ":"; !strings.Contains(makefile, "\n"+target) {
			t.Errorf("the Makefile has no target for %q", command)
		}
	}
	if !strings.Contains(makefile, "\nreadme:\n\t$(OWN) $(MAKE) --no-print-directory run </dev/null\n\t$(MAKE) --no-print-directory test </dev/null\n") {
		t.Error("make check does not run the README's two commands")
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks follows the links within our documents.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs: %v, %v", pages, err)
	}
	for _, page := range append(pages, "../README.md") {
		for _, found := range link.FindAllStringSubmatch(text(t, page), -1) {
			if target := filepath.Join(filepath.Dir(page), found[1]); !exists(target) {
				t.Errorf("%s points at %s, which is not there", page, found[1])
			}
		}
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
