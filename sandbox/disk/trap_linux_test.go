package disk

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/soak"
	"golang.org/x/sys/unix"
)

// A mount of the same file system has the same device number.
func TestMountsAreNotEntered(t *testing.T) {
	needs.Root(t)
	dir := t.TempDir()
	for _, name := range []string{"tmpfs", "bind", "file"} {
		must(t, os.MkdirAll(dir+"/top/"+name, 0o755))
	}
	write(t, dir+"/elsewhere/big", 1<<20)
	write(t, dir+"/top/onto", 0)
	before := count(t, dir+"/top")
	must(t, unix.Mount("tmpfs", dir+"/top/tmpfs", "tmpfs", 0, "size=1m"))
	defer unix.Unmount(dir+"/top/tmpfs", unix.MNT_DETACH)
	must(t, unix.Mount(dir+"/elsewhere", dir+"/top/bind", "", unix.MS_BIND, ""))
	defer unix.Unmount(dir+"/top/bind", unix.MNT_DETACH)
	must(t, unix.Mount(dir+"/elsewhere/big", dir+"/top/onto", "", unix.MS_BIND, ""))
	defer unix.Unmount(dir+"/top/onto", unix.MNT_DETACH)
	u := count(t, dir+"/top")
	if u.Mounts != 3 || u.Files != before.Files-3 || u.Bytes > before.Bytes {
		t.Errorf("with three mounts: %+v; before them: %+v", u, before)
	}
	noStatx.Store(true)
	defer noStatx.Store(false)
	if u := count(t, dir+"/top"); u.Mounts != 1 {
		t.Errorf("without statx at least another file system is not entered: %+v", u)
	}
}

// Between looking at a directory and opening it, it may become anything.
func TestSwappedBeforeItIsOpened(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside+"/secret", 1)
	must(t, os.Symlink(outside, dir+"/link"))
	must(t, unix.Mkfifo(dir+"/pipe", 0o600))
	tr, top, err := openTree(dir)
	must(t, err)
	defer tr.close()
	for _, name := range []string{"link", "pipe", "gone"} {
		if f := tr.enter(top.dir, []byte(name+"\x00"), node{}); f.what != nothing || len(tr.levels) != 1 {
			t.Errorf("%s was entered: %+v", name, f)
		}
	}
	if f := tr.look(top.dir, []byte("gone\x00")); f.what != nothing {
		t.Errorf("what has vanished: %+v", f)
	}
}

// Directories become links, files vanish and appear, while it walks.
func TestTraps(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write(t, outside+"/bait/secret", 8<<20)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	swap := func(name string) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Mkdir(name, 0o755)
			_ = os.WriteFile(name+"/f", []byte("x"), 0o644)
			_ = os.RemoveAll(name)
			_ = os.Symlink(outside+"/bait", name)
			_ = os.Remove(name)
		}
	}
	for i := range 4 {
		busy.Go(func() { swap(fmt.Sprintf("%s/swapped%d", dir, i)) })
	}
	for range soak.Times(t, 200) {
		if u := count(t, dir); u.Bytes >= 8<<20 || u.Partial() {
			t.Errorf("it followed a link, or stumbled: %+v", u)
			break
		}
	}
	close(stop)
	busy.Wait()
}

// A file system whose server never answers is found, and not asked.
func TestDeadServersAreNotAsked(t *testing.T) {
	needs.Root(t)
	server, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("%sFUSE in the kernel", needs.Prefix)
	}
	abort := sync.OnceFunc(func() { server.Close() }) // whoever waits for it gets an error then
	defer abort()
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/a/fuse", 0o755))
	write(t, dir+"/z/file", 1)
	must(t, unix.Mount("fuse", dir+"/a/fuse", "fuse", unix.MS_NOSUID|unix.MS_NODEV,
		fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server.Fd())))
	defer unix.Unmount(dir+"/a/fuse", unix.MNT_DETACH)
	hung := time.AfterFunc(20*time.Second, func() {
		t.Error("it waits for the server")
		abort()
	})
	defer hung.Stop()
	if u := count(t, dir); u.Mounts != 1 || u.Files != 4 || u.Partial() {
		t.Errorf("want 4 files and a mount: %+v", u)
	}
}
