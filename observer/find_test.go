package observer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"web", "web-1", "web-2", "db-1", "half+made", ".hidden"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o711); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("db-1", filepath.Join(root, "link-1")), os.WriteFile(filepath.Join(root, "file-1"), nil, 0o640)); err != nil {
		t.Fatal(err)
	}
	ids, err := IDs(root)
	if want := []string{"db-1", "web", "web-1", "web-2"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %q, %v; want %q", ids, err, want)
	}
	for given, want := range map[string]string{"web": "web", "web-1": "web-1", "d": "db-1", "db-1": "db-1"} {
		if dir, err := Find(root, given); err != nil || string(dir) != filepath.Join(root, want) {
			t.Errorf("%q: %s, %v", given, dir, err)
		}
	}
	for given, want := range map[string][]string{
		"":       {"the task id is empty"},
		"w":      {`3 tasks begin with "w": web, web-1, web-2`},
		"db-2":   {`there is no task "db-2"`, root, "did you mean db-1?"},
		"other":  {`there is no task "other"`},
		"half":   {"there is no task"},
		"link-1": {"there is no task"},
		"../web": {"there is no task"},
	} {
		dir, err := Find(root, given)
		var n *NotFound
		if !errors.As(err, &n) || dir != "" {
			t.Errorf("%q: %s, %v", given, dir, err)
			continue
		}
		says(t, given, err.Error(), want...)
	}
	nowhere := filepath.Join(root, "nowhere")
	if all, err := List(nowhere); len(all) != 0 || err != nil {
		t.Errorf("a root that is not there: %v, %v", all, err)
	}
	if _, err := List(filepath.Join(root, "file-1")); err == nil {
		t.Error("a file was listed")
	}
}
