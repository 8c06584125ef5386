//go:build linux && cgo

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/sandbox/container"
	"github.com/dewarhq/dewar/task"
)

func TestPidNamespace(t *testing.T) {
	w := newWorld(t)
	private := isolation(func(i *task.Isolation) { i.PID = task.Private })
	w.sees(private, nobody, "ls -d /proc/[0-9]* > list; wc -l < list; cut -c1 /proc/1/comm; readlink /proc/self/fd/0", "2\n4\n/dev/null")
	w.sees(isolation(nil), nobody, "test $(ls -d /proc/[0-9]* 2>/dev/null | wc -l) -gt 5 && echo many", "many")
}

func TestOrphansAreReaped(t *testing.T) {
	w := newWorld(t)
	private := isolation(func(i *task.Isolation) { i.PID = task.Private })
	w.sees(private, nobody, `
		for i in 1 2 3 4 5 6 7 8 9 10; do (true & ) ; (setsid true & ); done
		n=0; while grep -qs '^State:.Z' /proc/[0-9]*/status; do n=$((n+1)); test $n -lt 1000 || { echo zombies; exit 1; }; sleep 0.01; done
		echo none`, "none")
}

func TestOwnEnvironmentAndDescriptors(t *testing.T) {
	w := newWorld(t)
	for _, pid := range []task.Scope{task.Host, task.Private} {
		iso := isolation(func(i *task.Isolation) { i.PID = pid })
		w.sees(iso, nobody, "env | grep -v -e ^NOTIFY -e ^PWD -e ^HOME -e ^PATH -e ^_= -e ^OLDPWD -e ^SHLVL; ls /proc/self/fd | tr '\\n' ' '; umask; echo again >> /dev/stdout; id -u; id -g; id -G; pwd",
			"WHO=the command\n0 1 2 3 0027\nagain\n65534\n65534\n65534\n"+w.dir+"/sandbox")
	}
}

func TestTmpAndShmAreTheTasks(t *testing.T) {
	w := newWorld(t)
	iso := isolation(func(i *task.Isolation) { i.Tmp, i.Shm = task.Private, task.Private })
	first := w.start(iso, nobody, "sh", "-c", "echo a > /tmp/file; echo b > /dev/shm/file; echo written; while test -e /tmp/file; do sleep 0.01; done")
	first.await("written")
	w.sees(iso, nobody, "cat /tmp/file /dev/shm/file; rm /tmp/file; stat -f -c %T /dev/shm", "a\nb\ntmpfs")
	if code, out := first.end(); code != 0 {
		t.Errorf("exit %d, %s", code, out)
	}
	for _, path := range []string{"/tmp/file", "/dev/shm/file"} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the machine has %s: %v", path, err)
		}
	}
	w.must(container.Clear(w.dir))
	if _, err := os.Stat(container.ShmDir(w.dir)); !os.IsNotExist(err) {
		t.Errorf("after Clear: %v", err)
	}
}

func TestNamespacesAreSharedByTheTask(t *testing.T) {
	w := newWorld(t)
	iso := isolation(func(i *task.Isolation) {
		i.IPC, i.UTS, i.Network, i.Hostname = task.Private, task.Private, task.NetworkNone, "inside"
	})
	word := "14142.1" + strconv.Itoa(os.Getpid())
	const show = "readlink /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/net; hostname; cat /proc/net/dev | grep -c :"
	first := w.start(iso, nobody, "sh", "-c", show+"; echo ready; exec sleep "+word)
	first.await("ready")
	want, _, _ := strings.Cut(first.output(), "\nready")
	if !strings.HasSuffix(want, "\ninside\n1") {
		t.Errorf("the first run sees %s", want)
	}
	second := w.start(iso, nobody, "sh", "-c", show+"; echo ready; exec sleep "+word)
	second.await("ready")
	// The first may go: the second holds them.
	w.must(first.cmd.Process.Kill())
	first.end()
	w.sees(iso, nobody, show, want)
	w.must(second.cmd.Process.Kill())
	second.end()
	gone(t, word)
	iso.Hostname = "another" // only who makes the namespace says it; who is exiting can still be joined
	for end := time.Now().Add(20 * time.Second); ; {
		_, out := w.start(iso, nobody, "hostname").end()
		if out == "another" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after all had ended: %q", out)
		}
	}
	if own := w.shell("readlink /proc/self/ns/net"); strings.Contains(want, own) {
		t.Errorf("the run has the machine's network")
	}
}

func TestReadOnlyAndHidden(t *testing.T) {
	w := newWorld(t)
	w.must(os.MkdirAll(w.dir+"/data/below", 0o777))
	w.must(os.WriteFile(w.dir+"/data/secret", []byte("s"), 0o644))
	w.shell("mount -t tmpfs x " + w.dir + "/data/below")
	defer w.shell("umount " + w.dir + "/data/below")
	iso := isolation(func(i *task.Isolation) {
		i.ReadOnly, i.Hidden = []string{w.dir + "/data", "/proc/uptime"}, []string{w.dir + "/data/secret", "/etc/ssl"}
	})
	w.sees(iso, 0, "cd "+w.dir+`/data; for f in x below/x; do touch $f 2>&1 | grep -o Read-only; done
		cat secret; ls -A /etc/ssl; echo 1 2>/dev/null > /proc/sys/kernel/core_uses_pid || echo shut; id -u`,
		"Read-only\nRead-only\nshut\n0")
}

// What is the task's own stays open in a directory that is read-only, unless it
// is itself named.
func TestOwnThingsInAReadOnlyDirectory(t *testing.T) {
	w := newWorld(t)
	for _, dir := range []string{"/vol", "/vol/below", "/place", "/shut"} {
		w.must(os.MkdirAll(w.dir+dir, 0o777))
		w.must(os.Chmod(w.dir+dir, 0o777))
	}
	const touch = `for f in x sandbox/x place/x place/below/x shut/x; do touch $f 2>/dev/null && echo $f; done; touch $PWD/sandbox/y && cat /proc/self/mountinfo | grep -c ' /stage'`
	volumes := func(i *task.Isolation) {
		i.Volumes = []task.Volume{{Source: w.dir + "/vol", Target: w.dir + "/place"}, {Source: w.dir + "/vol", Target: w.dir + "/shut", ReadOnly: true}}
	}
	iso := isolation(volumes)
	iso.ReadOnly = []string{w.dir + "/place/below", w.dir}
	w.must(os.Chown(w.dir, nobody, nobody))
	w.sees(iso, nobody, "cd "+w.dir+"; "+touch+"; true", "sandbox/x\nplace/x\n0")
	iso.ReadOnly = []string{w.dir}
	w.sees(iso, nobody, "cd "+w.dir+"; "+touch+"; true", "sandbox/x\nplace/x\nplace/below/x\n0")
	root := w.dir + "/root"
	busyRoot(w, root)
	w.must(os.Chmod(root, 0o777))
	volumes(&iso)
	iso.RootFS, iso.ReadOnly = root, []string{"/tmp", w.dir}
	w.sees(iso, nobody, "cd "+w.dir+"; "+touch+"; touch /tmp/x 2>&1 | grep -o Read-only; touch /x && echo open", "sandbox/x\nplace/x\nplace/below/x\n0\nRead-only\nopen")
}

// Root behind walls that has the machine's file systems cannot change the
// machine by /sys.
func TestSysIsReadOnly(t *testing.T) {
	w := newWorld(t)
	w.sees(isolation(nil), 0, `for place in /sys /sys/fs/cgroup /sys/kernel /sys/kernel/mm; do test -w $place || echo shut; done`, "shut\nshut\nshut\nshut")
}

func TestWallsThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	planted := w.dir + "/sandbox/link"
	w.must(os.Symlink("/etc", planted))
	w.must(os.Lchown(planted, nobody, nobody))
	for _, c := range []struct {
		name, says string
		change     func(*task.Isolation)
	}{
		{"hidden path that is not there", "hide /nonesuch", func(i *task.Isolation) { i.Hidden = []string{"/nonesuch"} }},
		{"hidden sandbox", w.dir + "/sandbox, which the task needs, is in there", func(i *task.Isolation) { i.Hidden = []string{w.dir} }},
		{"root file system that is no tar", "it is no tar", func(i *task.Isolation) { i.RootFS = "/etc/passwd" }},
		{"read-only path that is not there", "make /nonesuch read-only", func(i *task.Isolation) { i.ReadOnly = []string{"/nonesuch"} }},
		{"no root file system", "nonesuch: no such file", func(i *task.Isolation) { i.RootFS = "/nonesuch" }},
		{"root file system that is neither", "neither a directory nor a tar", func(i *task.Isolation) { i.RootFS = "/dev/null" }},
		{"volume without a source", "volume /mnt: open /nonesuch", func(i *task.Isolation) { i.Volumes = []task.Volume{{Source: "/nonesuch", Target: "/mnt"}} }},
		{"volume without a place", "find the place /nonesuch", func(i *task.Isolation) { i.Volumes = []task.Volume{{Source: "/etc", Target: "/nonesuch"}} }},
		{"volume through a user's link", "is not followed", func(i *task.Isolation) { i.Volumes = []task.Volume{{Source: planted + "/ssl", Target: "/mnt"}} }},
		{"unknown capability", "CAP_NONESUCH", func(i *task.Isolation) { i.Capabilities = []string{"CAP_NONESUCH"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.start(isolation(c.change), nobody, "echo", "ran")
			code, out := r.end()
			if s := r.unstarted(); !strings.Contains(s, c.says) || !strings.HasPrefix(s, "build the walls of web/") {
				t.Errorf("unstarted: %q, want %q in it", s, c.says)
			}
			if out != "" || code != exitSystem {
				t.Errorf("exit %d, output %q", code, out)
			}
		})
	}
	if _, err := os.Stat("/nonesuch"); !os.IsNotExist(err) {
		t.Errorf("/nonesuch: %v", err)
	}
}

func TestCapabilities(t *testing.T) {
	w := newWorld(t)
	const show = `grep ^Cap /proc/self/status | while read name bits; do echo $name $((0x$bits)); done | tr '\n' ' '`
	sets := func(inh, prm, eff, bnd, amb int) string {
		n := strconv.Itoa
		return "CapInh: " + n(inh) + " CapPrm: " + n(prm) + " CapEff: " + n(eff) + " CapBnd: " + n(bnd) + " CapAmb: " + n(amb)
	}
	w.sees(isolation(nil), nobody, show, sets(0, 0, 0, 0, 0))
	const docker, mknod = 0xa80425fb, 1 << 27
	const usual = docker &^ mknod
	w.sees(isolation(nil), 0, show, sets(0, usual, usual, usual, 0))
	w.sees(isolation(nil), 0, "mknod made c 1 3 2>&1 | grep -o 'not permitted'; test -e made || echo none", "not permitted\nnone")
	bind := isolation(func(i *task.Isolation) { i.Capabilities = []string{"CAP_NET_BIND_SERVICE"} })
	const c = 1 << 10
	w.sees(bind, nobody, show, sets(c, c, c, c, c))
	w.sees(bind, 0, show, sets(0, c, c, c, 0))
	none := isolation(func(i *task.Isolation) { i.Capabilities = []string{} })
	w.sees(none, 0, show, sets(0, 0, 0, 0, 0))
}

func TestSeccomp(t *testing.T) {
	w := newWorld(t)
	iso := isolation(func(i *task.Isolation) { i.Seccomp = task.SeccompDefault })
	for _, nnp := range []bool{true, false} {
		w.nnp = nnp
		r := w.start(iso, nobody, "sh", "-c", "grep ^Seccomp: /proc/self/status; grep ^NoNewPrivs /proc/self/status; unshare -U true 2>&1 | grep -o 'not permitted'")
		code, out := r.end()
		if s := r.unstarted(); strings.Contains(s, "without libseccomp") {
			t.Skip("needs: libseccomp-dev")
		}
		want := "Seccomp:\t2\nNoNewPrivs:\t1\nOperation not permitted"
		if !nnp {
			want = strings.Replace(want, "NoNewPrivs:\t1", "NoNewPrivs:\t0", 1)
		}
		if want = strings.Replace(want, "Operation not", "not", 1); code != 0 || out != want {
			t.Errorf("no_new_privs %v: exit %d, %s", nnp, code, out)
		}
	}
	w.sees(isolation(nil), nobody, "grep ^Seccomp: /proc/self/status", "Seccomp:\t0")
}

func TestGroupsAreReadOnly(t *testing.T) {
	w := newWorld(t)
	w.sees(isolation(nil), 0, `awk '$3 ~ /^cgroup/ { print $4 }' /proc/mounts | grep -cv '^ro,'; awk '$3 ~ /^cgroup/' /proc/mounts | grep -c . | grep -qv '^0$' && echo there; true`, "0\nthere")
	if mine, want := w.start(isolation(nil), 0, "cat", "/proc/self/cgroup"), w.shell("cat /proc/self/cgroup"); want != "" {
		if _, out := mine.end(); out != want {
			t.Errorf("the run is in\n%s\nand not in\n%s", out, want)
		}
	}
}

func TestRlimits(t *testing.T) {
	w := newWorld(t)
	w.lim = map[string]task.Rlimit{"nofile": {Soft: 64, Hard: 128}, "as": {Soft: 100 << 20, Hard: 100 << 20}, "fsize": {Soft: 0, Hard: 0}}
	for _, pid := range []task.Scope{task.Host, task.Private} {
		iso := isolation(func(i *task.Isolation) { i.PID = pid })
		r := w.start(iso, nobody, "sh", "-c", "exit $(( $(ulimit -Sn) + $(ulimit -v) / 102400 + $(ulimit -f) ))")
		if code, out := r.end(); code != 65 {
			t.Errorf("pid %s: exit %d, %s, %s", pid, code, out, r.unstarted())
		}
	}
}
