package file

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/task"
)

// FuzzParse: whatever the bytes are, there is a task that can be run, or there
// are errors, in order, at places that the file has.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil && len(data) < 5000 {
			f.Add(data)
		}
	}
	for _, text := range []string{"a: &a [*a]\n", "<<: {a: b}\n", "? a\n: b", "!!int\n", "%TAG !! x\n---\n!!int\n", "- - - a\n", "'a': >-2\n   b\n", "a: |+\n\n\n", "\xef\xbb\xbf", "...\n---\n", "{a: {b: [c, ", "*a : b", "&a : b", "? ", "- ? a", "a: &b\n", "[[]: {}]", "{? a : b}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := Parse("x.yaml", data)
		if err == nil {
			var c *Contents
			if c, err = parsed.Check(task.Bindings{"name": "x"}); err == nil {
				runnable(t, c)
				return
			}
		}
		var errs Errors
		if !errors.As(err, &errs) || len(errs) == 0 {
			t.Fatalf("not Errors: %v", err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for i, e := range errs {
			if e.Line < 1 || e.Line > lines+1 || e.Col < 1 || e.Sentence == "" || e.File != "x.yaml" {
				t.Errorf("no such place, or no sentence: %+v", e)
			}
			if i > 0 && e.Line < errs[i-1].Line {
				t.Errorf("errors are out of order: %v", errs)
			}
		}
	})
}

func runnable(t *testing.T, c *Contents) {
	if len(c.Entries) == 0 {
		t.Error("no error and no task")
	}
	for _, e := range c.Entries {
		ports := make(map[string]int) // a launch binds those that the entry names, and no others
		for i, port := range e.Ports {
			ports[port] = 1 + i
		}
		data, err := task.Launch{ID: "x", Task: e.Task, Ports: ports}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := task.ReadLaunch(data); err != nil {
			t.Errorf("the task that was read cannot be launched: %v", err)
		}
	}
}
