//go:build linux && cgo

package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// busyRoot makes a root file system from a static busybox.
func busyRoot(w *world, dir string) {
	w.t.Helper()
	busybox := needs.Program(w.t, "busybox")
	w.shell("mkdir -p " + dir + "/bin " + dir + "/tmp && chmod 1777 " + dir + "/tmp && chmod 755 " + dir + " && cp " + busybox + " " + dir + "/bin/busybox && echo mine > " + dir + "/etc-mark" +
		" && for x in sh ls cat id env mount stat touch readlink grep hostname; do ln -s busybox " + dir + "/bin/$x; done")
}

const seeRoot = `cat /etc-mark; ls / | tr '\n' ' '; ls /dev | grep -v core | tr '\n' ' '; id -u; pwd; echo x > file && cat file; test -e /usr || echo no usr; ls -A /sys/fs/cgroup; readlink /proc/self/exe`

func TestRootFromDirectory(t *testing.T) {
	w := newWorld(t)
	root := w.dir + "/root"
	busyRoot(w, root)
	w.must(os.Mkdir(w.dir+"/vol", 0o777))
	w.must(os.WriteFile(w.dir+"/vol/a", []byte("a\n"), 0o644))
	iso := isolation(func(i *task.Isolation) {
		i.RootFS, i.PID, i.Shm = root, task.Private, task.Private
		i.Volumes = []task.Volume{{Source: w.dir + "/vol", Target: "/data/rw"}, {Source: w.dir + "/vol", Target: "/data/ro", ReadOnly: true}, {Source: w.dir + "/vol/a", Target: "/one-file"}}
	})
	w.sees(iso, nobody, seeRoot, "mine\nbin data dev etc-mark one-file proc sys tmp fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 65534\n"+
		w.dir+"/sandbox\nx\nno usr\n/bin/busybox")
	w.sees(iso, nobody, "cat /one-file; touch /data/ro/x 2>&1 | grep -o Read-only; grep ' /data/rw ' /proc/mounts | grep -o ' rw,'; test -w /dev/null && test -w /dev/shm && echo w; touch /x 2>/dev/null || echo no", "a\nRead-only\n rw,\nw\nno")
}

func TestRootFromTar(t *testing.T) {
	w := newWorld(t)
	busyRoot(w, w.dir+"/made")
	w.shell("tar -C " + w.dir + "/made -cf " + w.dir + "/root.tar .")
	iso := isolation(func(i *task.Isolation) { i.RootFS, i.PID = w.dir+"/root.tar", task.Private })
	var runs []*started
	for range 4 { // at once: one unpacks
		runs = append(runs, w.start(iso, nobody, "sh", "-c", "cat /etc-mark"))
	}
	for _, r := range runs {
		if code, out := r.end(); code != 0 || out != "mine" {
			t.Errorf("exit %d, %s, %s", code, out, r.unstarted())
		}
	}
	w.sees(iso, 0, "touch /kept; stat -c %a /tmp", "1777")
	w.sees(iso, 0, "ls /kept", "/kept")
}

// What is in a tar is for those behind the walls: nobody else comes near its
// set-user-id programs.
func TestRootFromTarIsClosedToOthers(t *testing.T) {
	w := newWorld(t)
	busyRoot(w, w.dir+"/made")
	w.shell("cp " + w.dir + "/made/bin/busybox " + w.dir + "/made/bin/suid && chmod 4755 " + w.dir + "/made/bin/suid && tar -C " + w.dir + "/made -cf " + w.dir + "/root.tar .")
	w.sees(isolation(func(i *task.Isolation) { i.RootFS = w.dir + "/root.tar" }), nobody, "test -u /bin/suid && cat /etc-mark", "mine")
	program := w.shell("find " + w.dir + "/rootfs -name suid")
	if program == "" {
		t.Fatal("the program is nowhere below the task's directory")
	}
	look := exec.Command("/usr/bin/test", "-e", program)
	look.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := look.Run(); err == nil {
		t.Errorf("a user of the machine reaches %s", program)
	}
}

// A few kilobytes of a tar that say terabytes do not fill the disk.
func TestUnpackKeepsHoles(t *testing.T) {
	needs.Root(t)
	const size = 256 << 20
	for _, format := range []string{"gnu", "posix"} {
		dir := t.TempDir()
		script := "cd $0 && truncate -s 256M holes && printf end >> holes && tar -S --format=$1 -cf tar holes && test $(stat -c %s tar) -lt 100000"
		if said, err := exec.Command("sh", "-c", script, dir, format).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		in, err := os.Open(dir + "/tar")
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := errors.Join(os.Mkdir(dir+"/root", 0o755), unpack(in, dir+"/root")); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		f, err := os.Open(dir + "/root/holes")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Size != size+3 || st.Blocks*512 > 1<<20 {
			t.Errorf("%s: %d bytes that take %d of the disk, %v", format, st.Size, st.Blocks*512, err)
		}
		tail := make([]byte, 3)
		if _, err := f.ReadAt(tail, size); err != nil || string(tail) != "end" {
			t.Errorf("%s: its end is %q, %v", format, tail, err)
		}
	}
}

// A tar that breaks off makes no file that looks whole.
func TestUnpackOfATarThatBreaksOff(t *testing.T) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if err := tw.WriteHeader(&tar.Header{Name: "file", Typeflag: tar.TypeReg, Mode: 0o600, Size: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{buf.Len() / 2, 512} {
		if err := unpack(bytes.NewReader(buf.Bytes()[:length]), t.TempDir()); err == nil {
			t.Errorf("unpacked %d bytes of %d", length, buf.Len())
		}
	}
}

// A volume's target goes through links as they lead inside, not outside.
func TestPlantedLinksStayInside(t *testing.T) {
	w := newWorld(t)
	root := w.dir + "/root"
	busyRoot(w, root)
	outside := w.dir + "/outside"
	w.must(os.Mkdir(outside, 0o777))
	w.must(os.Symlink(outside, root+"/out"))
	w.must(os.Symlink("../../../../../../../.."+outside, root+"/up"))
	w.must(os.Symlink("/proc/self/root", root+"/self"))
	w.must(os.Mkdir(w.dir+"/vol", 0o777))
	for _, target := range []string{"/out/a", "/up/b", "/self/c"} {
		iso := isolation(func(i *task.Isolation) {
			i.RootFS, i.Volumes = root, []task.Volume{{Source: w.dir + "/vol", Target: target}}
		})
		r := w.start(iso, nobody, "true")
		code, out := r.end()
		t.Logf("%s: exit %d, %s, %s", target, code, out, r.unstarted())
		if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
			t.Errorf("%s: outside has %v, %v", target, entries, err)
		}
	}
	for _, path := range []string{"proc", "sys", "dev"} {
		other := w.dir + "/root-" + path
		busyRoot(w, other)
		w.must(os.Symlink(outside, other+"/"+path))
		r := w.start(isolation(func(i *task.Isolation) { i.RootFS = other }), nobody, "true")
		code, _ := r.end()
		t.Logf("a link as /%s: exit %d, %s", path, code, r.unstarted())
		if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
			t.Errorf("a link as /%s: outside has %v, %v", path, entries, err)
		}
	}
}

func TestPlantedTmp(t *testing.T) {
	w := newWorld(t)
	w.must(os.Remove(w.dir + "/sandbox/.tmp"))
	w.must(os.Symlink("/etc", w.dir+"/sandbox/.tmp"))
	r := w.start(isolation(func(i *task.Isolation) { i.Tmp = task.Private }), nobody, "echo", "ran")
	if code, out := r.end(); code != exitSystem || out != "" || !strings.Contains(r.unstarted(), "a directory and no link") {
		t.Errorf("exit %d, %q, %s", code, out, r.unstarted())
	}
}

func TestSquattedShm(t *testing.T) {
	w := newWorld(t)
	w.must(os.Mkdir(container.ShmDir(w.dir), 0o700))
	w.must(os.Chown(container.ShmDir(w.dir), nobody, nobody))
	r := w.start(isolation(func(i *task.Isolation) { i.Shm = task.Private }), nobody, "echo", "ran")
	if code, out := r.end(); code != exitSystem || out != "" || !strings.Contains(r.unstarted(), "is not root's alone") {
		t.Errorf("exit %d, %q, %s", code, out, r.unstarted())
	}
}

func TestUnpackStaysInside(t *testing.T) {
	needs.Root(t)
	for name, headers := range map[string][]tar.Header{
		"a link out, and a file through it":  {{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}, {Name: "out/planted", Typeflag: tar.TypeReg}},
		"a link up, and a file through it":   {{Name: "up", Linkname: "../..", Typeflag: tar.TypeSymlink}, {Name: "up/planted", Typeflag: tar.TypeReg}},
		"a file above":                       {{Name: "../planted", Typeflag: tar.TypeReg}},
		"a hard link to the machine's":       {{Name: "planted", Linkname: "/../../../etc/passwd", Typeflag: tar.TypeLink}},
		"a hard link through a link":         {{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}, {Name: "planted", Linkname: "out/passwd", Typeflag: tar.TypeLink}},
		"a directory's mode through a link":  {{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}, {Name: "out/planted", Typeflag: tar.TypeDir}},
		"a type that nobody knows":           {{Name: "planted", Typeflag: 'Q'}},
		"a file where a link to outside was": {{Name: "planted", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, {Name: "planted/x", Typeflag: tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			tw := tar.NewWriter(&buf)
			for _, h := range headers {
				h.Mode = 0o777
				if err := tw.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := tw.Close(); err != nil {
				t.Fatal(err)
			}
			above := t.TempDir()
			dir := above + "/root"
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := unpack(&buf, dir)
			t.Log(err)
			if err == nil {
				t.Error("unpacked")
			}
			for _, path := range []string{above + "/planted", "/etc/planted", "/planted"} {
				if _, err := os.Lstat(path); !os.IsNotExist(err) {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

func TestNotifySocketIsSeen(t *testing.T) {
	w := newWorld(t)
	path := w.dir + "/notify"
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	w.must(err)
	defer socket.Close()
	w.must(os.Chmod(path, 0o666))
	t.Setenv("NOTIFY_SOCKET", path)
	busyRoot(w, w.dir+"/root")
	for _, iso := range []task.Isolation{
		isolation(func(i *task.Isolation) { i.Tmp = task.Private }), // under which the socket is
		isolation(func(i *task.Isolation) { i.RootFS = w.dir + "/root" }),
	} {
		w.sees(iso, nobody, `test "$NOTIFY_SOCKET" = `+path+` && test -S $NOTIFY_SOCKET && test -w $NOTIFY_SOCKET && echo seen`, "seen")
	}
}
