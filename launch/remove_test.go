package launch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/disk"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// What a brain has left of a quota goes with the task.
func TestRemoveReleasesTheQuota(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			root := needs.ProjectQuota(t, kind)
			dir := task.Dir(filepath.Join(root, "t-1"))
			if err := os.MkdirAll(dir.Sandbox(), 0o700); err != nil {
				t.Fatal(err)
			}
			q, err := disk.Choose(string(dir), "t-1")
			if err != nil {
				t.Fatal(err)
			}
			noted := sandbox.DiskUsage{Allowed: 1 << 20, Quota: &q}
			if err := noted.Write(dir); err != nil {
				t.Fatal(err)
			}
			if err := disk.Limit(t.Context(), dir.Sandbox(), q, 1<<20); err != nil {
				t.Fatal(err)
			}
			if err := Remove(root, "t-1", func(task.Dir) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(string(dir)); !os.IsNotExist(err) {
				t.Errorf("it is there: %v", err)
			}
			// xfs frees what was removed in the background.
			for late := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				again, err := disk.Choose(root, "t-1")
				if err == nil && again == q {
					return
				}
				if err != nil || time.Now().After(late) {
					t.Fatalf("the quota was %+v, and now one would choose %+v, %v: has it a limit still?", q, again, err)
				}
			}
		})
	}
}
