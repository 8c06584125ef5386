package sandbox

import (
	"os"
	"testing"

	"github.com/dewarhq/dewar/task"
)

func TestPrune(t *testing.T) {
	dir := task.Dir(t.TempDir())
	old, kept := task.RunID{Process: "a web ü", Run: 3}, task.RunID{Process: "a web ü", Run: 4}
	for _, run := range []task.RunID{old, kept} {
		write(t, dir.Status(run))
		write(t, dir.Logs(run)+"/stdout")
	}
	for range 2 {
		if err := Prune(dir, old); err != nil {
			t.Fatal(err)
		}
	}
	for path, there := range map[string]bool{dir.Run(old): false, dir.Logs(old): false, dir.Status(kept): true, dir.Logs(kept) + "/stdout": true} {
		if _, err := os.Lstat(path); (err == nil) != there {
			t.Errorf("%s: there is %v (%v), want %v", path, err == nil, err, there)
		}
	}
}

func TestPruneOfNothing(t *testing.T) {
	if err := Prune(task.Dir(t.TempDir()), task.RunID{Process: "web"}); err != nil {
		t.Error(err)
	}
}

func TestPruneFollowsNoLinkOut(t *testing.T) {
	run := task.RunID{Process: "web", Run: 3}
	for name, plant := range map[string]func(dir task.Dir, outside string) (link, target string){
		".logs": func(dir task.Dir, outside string) (string, string) { return dir.Sandbox() + "/.logs", outside },
		"the process": func(dir task.Dir, outside string) (string, string) {
			return dir.Sandbox() + "/.logs/web", outside + "/web"
		},
		"the run":         func(dir task.Dir, outside string) (string, string) { return dir.Logs(run), outside + "/web/3" },
		"up to our files": func(dir task.Dir, _ string) (string, string) { return dir.Sandbox() + "/.logs", "../runs" },
	} {
		t.Run(name, func(t *testing.T) {
			dir, outside := task.Dir(t.TempDir()), t.TempDir()
			write(t, outside+"/web/3/stdout")
			write(t, string(dir)+"/runs/web/3/status")
			link, target := plant(dir, outside)
			if err := os.MkdirAll(link, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			_ = remove(dir.Sandbox(), logsName+"/"+run.String()) // it may well say that it did not go there
			for _, path := range []string{outside + "/web/3/stdout", string(dir) + "/runs/web/3/status"} {
				if _, err := os.Lstat(path); err != nil {
					t.Errorf("pruning went through the link: %v", err)
				}
			}
		})
	}
}
