package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

// TestCouldNotBeStarted: each of these has a sentence, and none an exit status.
func TestCouldNotBeStarted(t *testing.T) {
	r := start(t)
	plain := filepath.Join(r.dir.Sandbox(), "plain")
	script := filepath.Join(r.dir.Sandbox(), "script")
	garbage := filepath.Join(r.dir.Sandbox(), "garbage")
	for path, text := range map[string]string{plain: "not executable", script: "#!/no/such/interpreter\n", garbage: "\x00\x01\x02"} {
		mode := os.FileMode(0o755)
		if path == plain {
			mode = 0o644
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name, want string
		change     func(*shim.Spec)
	}{
		{"no such command", `execute "foo": no such file or directory`, argv("foo")},
		{"no such path", `execute "/bin/no-bash": no such file or directory`, argv("/bin/no-bash", "-c", "true")},
		{"not executable", `execute "` + plain + `": permission denied`, argv(plain)},
		{"not executable in PATH", `execute "plain" as "` + plain + `": permission denied`, func(s *shim.Spec) {
			s.Args, s.Env = []string{"plain"}, []string{"PATH=/no/such:" + r.dir.Sandbox()}
		}},
		{"no PATH", `execute "true": no such file or directory`, func(s *shim.Spec) { s.Args, s.Env = []string{"true"}, nil }},
		{"interpreter", `the interpreter or loader that "` + script + `" names is missing`, argv(script)},
		{"format", `execute "` + garbage + `": exec format error`, argv(garbage)},
		{"directory", `execute "/tmp": permission denied`, argv("/tmp")},
		{"too long", `execute "/bin/sh": argument list too long`, argv("/bin/sh", "-c", strings.Repeat("x", 1<<20))},
		{"a long name", `execute "/` + strings.Repeat("x", 900), argv("/" + strings.Repeat("x", 100_000))},
		{"cwd", "enter the working directory /no/such/place: no such file or directory", func(s *shim.Spec) { s.Cwd = "/no/such/place" }},
		{"cwd is a file", "enter the working directory " + plain + ": not a directory", func(s *shim.Spec) { s.Cwd = plain }},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := r.ended(r.spawn("p"+strconv.Itoa(i), "", c.change))
			if s.Exit != -1 || s.Signal != -1 || !strings.Contains(s.Error, c.want) {
				t.Errorf("exit %d, signal %d, error %q; want %q", s.Exit, s.Signal, s.Error, c.want)
			}
			if s.StartedBoot != 0 {
				t.Error("it says that it was started")
			}
		})
	}
}

// TestLookedFor: what stands in the way in one directory does not keep the
// command from being found in the next.
func TestLookedFor(t *testing.T) {
	r := start(t)
	file := filepath.Join(r.dir.Sandbox(), "sh")
	if err := os.WriteFile(file, []byte("exit 1"), 0o644); err != nil { // it may not be executed
		t.Fatal(err)
	}
	for i, path := range []string{r.dir.Sandbox() + ":/bin", file + ":/bin", ":/bin", "/no/such:../../../../../../../../../../bin", "/no/such::" + file + ":/bin"} {
		s := r.ended(r.spawn("p"+strconv.Itoa(i), "", func(s *shim.Spec) {
			s.Args, s.Env = []string{"sh", "-c", "exit 7"}, []string{"PATH=" + path}
		}))
		if s.Exit != 7 || s.Error != "" {
			t.Errorf("%s: %+v", path, s)
		}
	}
}

// TestUnusableSpec: refused, and nothing is made.
func TestUnusableSpec(t *testing.T) {
	r := start(t)
	good := r.spec(run("p", 0), "true")
	whole := string(good.Append(nil))
	for name, text := range map[string]string{
		"empty": "", "garbage": "\xff\xfe\x00\x01garbage", "cut": whole[:40], "version": "version=9\x00end=1\x00",
		"dest": strings.Replace(whole, "dest=file", "dest=moon", 1), "logdir": strings.Replace(whole, "logdir=sandbox", "logdir=../sand", 1),
		"end": strings.TrimSuffix(whole, "end=1\x00"), "number": strings.Replace(whole, "umask=18", "umask=x", 1), "command": strings.Replace(whole, "arg=", "ard=", 3),
	} {
		t.Run(name, func(t *testing.T) {
			id := run(name, 0)
			if err := os.MkdirAll(r.dir.Run(id), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(r.dir.Spec(id), []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
			err := r.conn.Spawn(id)
			if err == nil || !strings.Contains(err.Error(), "spec: ") {
				t.Errorf("the answer is %v", err)
			}
			if _, err := os.Stat(r.dir.Status(id)); !os.IsNotExist(err) {
				t.Errorf("there is a status: %v", err)
			}
		})
	}
}

// TestWhatAProcessSees is semantics.md section 6.
func TestWhatAProcessSees(t *testing.T) {
	inherited, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	r := start(t, withEnv("SECRET=1"), withInherited(inherited))
	id := r.spawn("p", `
		echo "stdin $(readlink /proc/$$/fd/0)"
		for f in /proc/$$/fd/*; do echo "fd ${f##*/}"; done
		while read -r line; do case $line in Sig[BI]*|NoNewPrivs:*) echo "$line";; esac; done < /proc/$$/status
		echo "umask $(umask)"; echo "cwd $(pwd)"; echo "files $(ulimit -n)"
		tr '\0' '\n' < /proc/$$/environ | sed 's/^/env /'
		cut -d' ' -f1,5,6 < /proc/$$/stat`,
		func(s *shim.Spec) { s.Umask, s.NoNewPrivs = 0o027, true })
	if s := r.ended(id); s.Exit != 0 {
		t.Fatalf("status %+v", s)
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	out := r.log(id, "stdout")
	pid := r.status(id).Pid
	for _, want := range []string{
		"stdin /dev/null\n", "umask 0027\n", "cwd " + r.dir.Sandbox() + "\n", "NoNewPrivs:\t1\n",
		"SigBlk:\t0000000000000000\n", "SigIgn:\t0000000000000000\n", "env PATH=/usr/bin:/bin\n", "env DEWAR_RUN=0\n",
		fmt.Sprintf("%d %d %d\n", pid, pid, pid),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("missing %q", want)
		}
	}
	for _, never := range []string{"SECRET", "GOMAXPROCS", "DEWAR_SHIM", "GOGC", "NOTIFY"} {
		if strings.Contains(out, never) {
			t.Errorf("it sees %s", never)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if n, ok := strings.CutPrefix(line, "fd "); ok && n != "0" && n != "1" && n != "2" && n != "*" {
			// The shell opens one for the list itself.
			if link := n; link != "10" && link != "3" {
				t.Errorf("descriptor %s is open", n)
			}
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestDescriptors looks from outside, at a program that opens nothing.
func TestDescriptors(t *testing.T) {
	for _, mode := range []string{"standard", "rotate"} {
		r := start(t)
		id := r.spawn("p", "", argv("/bin/sleep", "1000"), func(s *shim.Spec) { s.Mode, s.LogSize = mode, 1000 })
		r.hear(shim.BellStarted, id)
		// Its loader has some open for a moment.
		until(t, mode+": three descriptors are open", func() bool {
			fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.status(id).Pid))
			if err != nil {
				t.Fatal(err)
			}
			return len(fds) == 3
		})
	}
}

// TestSignalsAreNotInherited: whoever starts the shim ignores some and blocks
// others, those that the shim itself needs among them.
func TestSignalsAreNotInherited(t *testing.T) {
	env := needs.Program(t, "env")
	r := start(t, withBinary(t), func(c *exec.Cmd) {
		c.Args = append([]string{"env", "--block-signal=TERM,CHLD,USR1,RTMIN+3", "--ignore-signal=INT,CONT,TSTP,RTMIN+4", c.Path}, c.Args[1:]...)
		c.Path = env
	})
	id := r.spawn("p", "grep -E '^Sig(Ign|Blk)' /proc/self/status")
	r.ended(id)
	if out := r.log(id, "stdout"); out != "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" {
		t.Errorf("%q", out)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := r.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		r.hear(shim.BellShutdown, task.RunID{})
	}
}

// TestBecomesItsUser as root.
func TestBecomesItsUser(t *testing.T) {
	needs.Root(t)
	const uid, gid = 54321, 54322
	r := start(t)
	if err := os.Chown(r.dir.Sandbox(), uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(r.dir.Sandbox(), 0o700); err != nil {
		t.Fatal(err)
	}
	other := func(s *shim.Spec) {
		s.UID, s.GID, s.Groups, s.User = uid, gid, []int{54323, 54324}, "nobody-special"
	}
	id := r.spawn("p", "grep -E '^(Uid|Gid|Groups|Cap(Prm|Eff))' /proc/self/status; echo x > made; sleep 1000 & sleep 1000", other)
	r.hear(shim.BellStarted, id)
	until(t, "it has spoken", func() bool { return strings.Contains(r.log(id, "stdout"), "CapEff") })
	out := r.log(id, "stdout")
	for _, want := range []string{"Uid:\t54321\t54321\t54321\t54321\n", "Gid:\t54322\t54322\t54322\t54322\n",
		"Groups:\t54323 54324 \n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("missing %q in %q", want, out)
		}
	}
	for _, path := range []string{".logs", ".logs/p", ".logs/p/0", ".logs/p/0/stdout", ".logs/p/0/stderr"} {
		info, err := os.Lstat(filepath.Join(r.dir.Sandbox(), path))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != uid || st.Gid != gid {
			t.Errorf("%s belongs to %d:%d", path, st.Uid, st.Gid)
		}
	}
	// It dies with the shim although its ids have changed.
	s := r.status(id)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the main process has died with the shim", func() bool { return !shim.Alive(s.Pid, s.Start) })
}

// TestStepDies: whatever kills the step between fork and command, it is no
// exit status, and not a word of ours is in the user's log.
func TestStepDies(t *testing.T) {
	t.Run("address space", func(t *testing.T) {
		r := start(t, withBinary(t))
		before := prlimit(t, r.cmd.Process.Pid, unix.RLIMIT_AS, 40<<20)
		defer prlimit(t, r.cmd.Process.Pid, unix.RLIMIT_AS, before)
		r.mustNotBeTaken(t, "p")
	})
	t.Run("processes", func(t *testing.T) {
		opts := []option{withBinary(t)}
		dir := newDir(t)
		if os.Getuid() == 0 { // root is not limited: be somebody of whom nobody else is
			const uid = 54777
			if err := os.Chown(string(dir), uid, uid); err != nil {
				t.Fatal(err)
			}
			opts = append(opts, as(uid))
		}
		r := launch(t, dir, opts...)
		limit := func(n uint64) { prlimit(t, r.cmd.Process.Pid, unix.RLIMIT_NPROC, n) }
		if os.Getuid() == 0 {
			r.user = 54777
			r.asUser(r.user, r.connect) // the shim takes nobody else's connection
			limit = func(n uint64) {
				r.asUser(r.user, func() { prlimit(t, r.cmd.Process.Pid, unix.RLIMIT_NPROC, n) })
			}
		} else {
			r.connect()
		}
		for n := uint64(1); n < 14; n++ {
			limit(n)
			r.mustNotBeTaken(t, "p"+strconv.FormatUint(n, 10))
		}
	})
}

// mustNotBeTaken spawns something that exits with 42 and accepts this or a
// sentence.
func (r *rig) mustNotBeTaken(t *testing.T, process string) shim.Status {
	t.Helper()
	id := run(process, 0)
	err := r.try(id, "exit 42", func(s *shim.Spec) {
		s.UID, s.GID = r.uid(), r.uid()
	})
	if err != nil {
		t.Logf("%s: refused: %v", process, err)
		return shim.Status{}
	}
	s := r.ended(id)
	t.Logf("%s: exit %d, signal %d, error %q", process, s.Exit, s.Signal, s.Error)
	if s.Error == "" && s.Exit != 42 {
		// The shell itself may fail to fork; it does not here.
		t.Errorf("%s: exit %d, signal %d taken for its own", process, s.Exit, s.Signal)
	}
	if b, err := os.ReadFile(filepath.Join(r.dir.Logs(id), "stderr")); err == nil && strings.Contains(string(b), "runtime") {
		t.Errorf("%s: the user's log has our trace: %q", process, b)
	}
	return s
}
