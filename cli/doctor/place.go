package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/disk"
)

// place is about the directory of the tasks, or the nearest one above that is
// there.
func place(root string) []Fact {
	at := root
	for {
		_, err := os.Stat(at)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	facts := []Fact{rights(root, at, unix.Faccessat(unix.AT_FDCWD, at, unix.W_OK|unix.X_OK, unix.AT_EACCESS))}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		facts = append(facts, warn("free space", "cannot be asked for: "+err.Error(), ""))
	} else {
		facts = append(facts, space(int64(st.Bavail)*st.Bsize, int64(st.Blocks)*st.Bsize), inodes(int64(st.Ffree), int64(st.Files)))
	}
	ways, err := disk.Look(at)
	return append(facts, quota(ways, err))
}

func rights(root, at string, err error) Fact {
	const name = "tasks"
	switch {
	case err != nil:
		return bad(name, fmt.Sprintf("tasks cannot be made in %s: %s: %v", root, at, err), "make it, and give it to whoever runs dewar, or name another with --root or DEWAR_ROOT")
	case at != root:
		return ok(name, root+", which is made with the first task")
	}
	return ok(name, root)
}

const mega = 1 << 20

func space(free, all int64) Fact {
	const name, least = "free space", 256 * mega
	said := fmt.Sprintf("%d MB of %d MB", free/mega, all/mega)
	if free < least {
		return warn(name, said, "a full disk starts nothing more: dewar gc removes old tasks")
	}
	return ok(name, said)
}

// inodes: a file system that makes them as needed says 0 of 0.
func inodes(free, all int64) Fact {
	const name, least = "free inodes", 10000
	if all == 0 {
		return ok(name, "as many as there is room for")
	}
	said := fmt.Sprintf("%d of %d", free, all)
	if free < least {
		return warn(name, said, "dewar gc removes old tasks")
	}
	return ok(name, said)
}

func quota(w disk.Ways, err error) Fact {
	const name = "disk quota"
	switch {
	case err != nil:
		return warn(name, err.Error(), "")
	case w.Project && w.Bypass:
		return ok(name, "project quotas on "+w.Type+"; what runs as root is counted, but not refused")
	case w.Project:
		return ok(name, "project quotas on "+w.Type)
	}
	return warn(name, "no project quotas: a limit of disk is found to be passed seconds afterwards, by counting", w.Why)
}
