package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// child is a step that has been forked from this test, which is its shim.
type child struct {
	t   *testing.T
	st  *step
	pid int
	hs  int // our end of the handshake, -1 when closed
}

// aSpec is one of /bin/sh -c script, as ourselves.
func aSpec(t *testing.T, script string) Spec {
	t.Helper()
	return Spec{
		Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Cwd: t.TempDir(),
		UID: os.Getuid(), GID: os.Getgid(), User: "us", Umask: 0o27, NoNewPrivs: true,
		LogDir: "logs", Dest: "file", Mode: "standard",
	}
}

// aStep has read a spec.
func aStep(t *testing.T, spec Spec) *step {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spec")
	if err := os.WriteFile(path, spec.Append(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	st := newStep(os.Getpid(), limit)
	if err := st.read([]byte(path + "\x00")); err != nil {
		t.Fatal(err)
	}
	return &st
}

// forkStep forks a step whose list change has seen. Its outputs are /dev/null
// and stdout, a file.
func forkStep(t *testing.T, st *step, cgroup int, change func([]op)) *child {
	t.Helper()
	runtime.LockOSThread() // the child dies with the thread; it is not given back
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := int(null.Fd())
	if err := st.list(&handed{hs: pair[1], null: fd, out: fd, err: fd}); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(st.ops)
	}
	pid, err := st.fork(pair[1], cgroup)
	syscall.Close(pair[1])
	if err != nil {
		syscall.Close(pair[0])
		t.Fatal(err)
	}
	c := &child{t: t, st: st, pid: pid, hs: pair[0]}
	t.Cleanup(c.kill)
	return c
}

func (c *child) close() {
	if c.hs >= 0 {
		syscall.Close(c.hs)
		c.hs = -1
	}
}

func (c *child) kill() {
	c.close()
	if c.pid > 0 {
		syscall.Kill(c.pid, syscall.SIGKILL)
		syscall.Wait4(c.pid, nil, 0, nil)
	}
}

func (c *child) goOn() {
	c.t.Helper()
	if _, err := sendNow(c.hs, []byte{'G'}); err != nil && err != syscall.EPIPE { // it may have failed before
		c.t.Fatal(err)
	}
}

// hear reads the handshake to its end: whether R was said, and what failed.
func (c *child) hear() (ready bool, failure string) {
	c.t.Helper()
	var buf [64]byte
	for {
		n, err := syscall.Read(c.hs, buf[:])
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.ECONNRESET { // it died before it had read G
			continue
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			return ready, failure
		}
		if index, errno, ok := parseFailure(buf[:n]); ok {
			failure = c.st.sentence(index, errno)
		} else if n == 2 && buf[0] == 'R' && buf[1] == 0 {
			ready = true
		} else {
			c.t.Fatalf("it said %q", buf[:n])
		}
	}
}

func (c *child) wait() syscall.WaitStatus {
	c.t.Helper()
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			c.t.Fatal(err)
		}
		c.pid = 0
		return ws
	}
}

// state waits until the child is in a state of /proc/<pid>/stat.
func (c *child) state(want byte) {
	c.t.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		st, err := ReadStat(c.pid)
		if err == nil && st.State == want {
			return
		}
		if time.Now().After(late) {
			c.t.Fatalf("it is %c, %v, and never %c", st.State, err, want)
		}
	}
}

// waiting waits until the child waits for its word.
func (c *child) waiting() {
	c.t.Helper()
	want := fmt.Sprintf(" 0x%x ", c.st.ops[slices.IndexFunc(c.st.ops, func(o op) bool { return o.nr == syscall.SYS_READ })].args[0])
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", c.pid))
		if os.IsPermission(err) || os.IsNotExist(err) { // a kernel that does not say
			c.state('S')
			return
		}
		// The number of the call is another one under an emulator.
		if _, args, ok := strings.Cut(string(b), want); ok && strings.HasPrefix(strings.Join(strings.Fields(args)[1:], " "), "0x1 ") {
			return
		}
		if time.Now().After(late) {
			c.t.Fatalf("it does not wait for %q: %q, %v", want, b, err)
		}
	}
}

// TestOpLayout is what the assembly knows.
func TestOpLayout(t *testing.T) {
	var o op
	if unsafe.Sizeof(o) != 64 || unsafe.Offsetof(o.nr) != 0 || unsafe.Offsetof(o.mode) != 4 || unsafe.Offsetof(o.args) != 8 || unsafe.Offsetof(o.want) != 56 {
		t.Errorf("size %d", unsafe.Sizeof(o))
	}
	if opMay != 1 || opWant != 2 || opExec != 3 || opAbsent != 4 || opDown != 5 {
		t.Error("the modes have other numbers")
	}
}

// names shows a list as text; of a close_range only the first number is fixed.
func (st *step) names() string {
	calls := map[uint32]string{
		syscall.SYS_SETSID: "setsid", syscall.SYS_DUP3: "dup3", sysCloseRange: "close_range", syscall.SYS_CLOSE: "close", syscall.SYS_READ: "read",
		syscall.SYS_CHDIR: "chdir", syscall.SYS_PRLIMIT64: "prlimit", syscall.SYS_SETGROUPS: "setgroups", syscall.SYS_SETRESGID: "setresgid",
		syscall.SYS_SETRESUID: "setresuid", syscall.SYS_UMASK: "umask", syscall.SYS_PRCTL: "prctl", syscall.SYS_GETPPID: "getppid",
		syscall.SYS_RT_SIGACTION: "sigaction", syscall.SYS_RT_SIGPROCMASK: "sigprocmask", syscall.SYS_WRITE: "write", syscall.SYS_EXECVE: "execve", sysNewfstatat: "stat",
		syscall.SYS_SETPRIORITY: "setpriority", syscall.SYS_CAPSET: "capset",
	}
	text := map[string]int{"chdir": 0, "execve": 0, "stat": 1}
	numbers := map[string]int{"dup3": 2, "close_range": 1, "close": 1, "read": 1, "setgroups": 1, "setresgid": 3, "setresuid": 3, "umask": 1, "prctl": 2, "sigaction": 1, "write": 1, "setpriority": 3}
	var all []string
	for _, o := range st.ops {
		line := calls[o.nr]
		if i, ok := text[line]; ok {
			line += " " + st.room.textAt(o.args[i])
		} else {
			for _, n := range o.args[:numbers[line]] {
				line += " " + strconv.Itoa(int(n))
			}
		}
		if o.mode == opWant {
			line += "!"
		}
		if o.mode == opDown {
			line += " down to " + strconv.Itoa(int(o.want))
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

func TestList(t *testing.T) {
	const before = "setsid\ndup3 4 0\ndup3 5 1\ndup3 6 2\nclose_range 3\nclose_range 8\nread 7!\nchdir /the/cwd\nprlimit\nsetpriority 0 0 0\n"
	const after = "prctl 1 9\ngetppid!\nsigaction 64 down to 1\nsigprocmask\nwrite 7!\n"
	cases := []struct {
		name   string
		change func(*Spec)
		want   string
	}{
		{"another user", func(s *Spec) { s.UID, s.GID, s.Groups = 77777, 7, []int{8, 9} },
			before + "setgroups 2\nsetresgid 7 7 7\nsetresuid 77777 77777 77777\nprctl 47 4\ncapset\numask 23\nprctl 38 1\n" + after + "execve /bin/sh\nstat /bin/sh"},
		{"looked for", func(s *Spec) {
			s.UID, s.NoNewPrivs, s.Args, s.Env = 77777, false, []string{"x"}, []string{"A=PATH=/no", "PATH=/a::b/c:", "PATH=/never"}
		},
			before + fmt.Sprintf("setgroups 0\nsetresgid %[1]d %[1]d %[1]d\n", os.Getgid()) + "setresuid 77777 77777 77777\nprctl 47 4\ncapset\numask 23\n" + after +
				"execve /a/x\nstat /a/x\nexecve ./x\nstat ./x\nexecve b/c/x\nstat b/c/x"},
		{"nowhere", func(s *Spec) { s.UID, s.Args, s.Env = 77777, []string{"x"}, nil },
			before + fmt.Sprintf("setgroups 0\nsetresgid %[1]d %[1]d %[1]d\n", os.Getgid()) + "setresuid 77777 77777 77777\nprctl 47 4\ncapset\numask 23\nprctl 38 1\n" + strings.TrimSuffix(after, "\n")},
		{"with limits", func(s *Spec) {
			s.UID, s.GID, s.Rlimits, s.Nice, s.Args = 77777, 7, []int{7, 10, 20, 4, 0, -1}, 3, []string{"/x"}
		},
			strings.Replace(before, "prlimit\nsetpriority 0 0 0", "prlimit\nprlimit\nsetpriority 0 0 3", 1) +
				"setgroups 0\nsetresgid 7 7 7\nsetresuid 77777 77777 77777\nprctl 47 4\ncapset\numask 23\nprctl 38 1\n" + after + "execve /x\nstat /x"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			spec := aSpec(t, "")
			spec.Cwd = "/the/cwd"
			c.change(&spec)
			st := aStep(t, spec)
			st.noFds = false
			if err := st.list(&handed{hs: 7, null: 4, out: 5, err: 6}); err != nil {
				t.Fatal(err)
			}
			if got := st.names(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			for i, o := range st.ops { // the assembly skips what follows a denied one
				if o.mode == opExec && (i+1 == len(st.ops) || st.ops[i+1].mode != opAbsent) {
					t.Errorf("op %d is not followed by the question whether it is there", i)
				}
			}
			st.end()
		})
	}
	t.Run("an old kernel", func(t *testing.T) {
		st := aStep(t, aSpec(t, ""))
		st.noFds = true
		if err := st.list(&handed{hs: 7, null: 4, out: 5, err: 6}); err != nil {
			t.Fatal(err)
		}
		if got := st.names(); !strings.Contains(got, "dup3 6 2\nclose 6 down to 3\nclose ") || !strings.Contains(got, " down to 8\nread") {
			t.Errorf("%s", got)
		}
	})
}

// TestEachOpFails: whatever fails has its sentence, and nothing is executed.
func TestEachOpFails(t *testing.T) {
	sentences := map[opWhat]string{
		whatSession: "begin a session: function not implemented", whatFiles: "put the descriptors into place: function not implemented",
		whatShim: "the shim has gone", whatCwd: "enter the working directory ", whatLimit: "set the limit of open files: function not implemented",
		whatCaps: "drop the capabilities: function not implemented",
		whatIDs:  "become us (uid ", whatPrivs: "set no_new_privs: function not implemented", whatDeath: "set the parent-death signal: function not implemented",
		whatSignals: "reset the signals: function not implemented", whatReady: "tell the shim: function not implemented",
		whatCommand: `execute "/bin/sh": function not implemented`,
	}
	const noSuchCall = 1 << 20
	seen := map[opWhat]bool{}
	for i, n := 0, 1; i < n; i++ {
		spec := aSpec(t, "touch ran")
		st := aStep(t, spec)
		c := forkStep(t, st, -1, func(ops []op) {
			n = len(ops)
			ops[i].nr = noSuchCall
		})
		o := st.ops[i]
		c.goOn()
		ready, failure := c.hear()
		ws := c.wait()
		_, err := os.Stat(spec.Cwd + "/ran")
		switch o.mode {
		case opMay, opDown, opAbsent:
			if failure != "" || !ready || err != nil || ws.ExitStatus() != 0 {
				t.Errorf("op %d, which may fail: %v, %q, %v, %v", i, ready, failure, err, ws)
			}
		default:
			want, ok := sentences[o.what]
			seen[o.what] = true
			if !ok || !strings.HasPrefix(failure, want) || ready != (o.what == whatCommand) || err == nil || ws.ExitStatus() != ExitSystem {
				t.Errorf("op %d (%d): %v, %q, %v, %v", i, o.what, ready, failure, err, ws)
			}
		}
	}
	for what := range sentences {
		if root := os.Getuid() == 0; !seen[what] && (what != whatIDs || root) && (what != whatCaps || !root) {
			t.Errorf("no op was about %d", what)
		}
	}
}

// TestWrongResult: a shim that is not the parent, and one that has gone.
func TestWrongResult(t *testing.T) {
	spec := aSpec(t, "touch ran")
	st := aStep(t, spec)
	st.shim = 1
	c := forkStep(t, st, -1, nil)
	c.goOn()
	if ready, failure := c.hear(); ready || failure != "the shim has gone" {
		t.Errorf("%v, %q", ready, failure)
	}
	// Nobody but us may hold our end, or the child would wait for ever.
	c = forkStep(t, aStep(t, spec), -1, nil)
	c.waiting()
	c.close()
	if ws := c.wait(); ws.ExitStatus() != ExitSystem {
		t.Errorf("%v", ws)
	}
	if _, err := os.Stat(spec.Cwd + "/ran"); err == nil {
		t.Error("the command ran")
	}
}

// TestNothingBeforeTheWord: the child waits, with three descriptors and its end
// of the handshake, and has changed nothing that anybody sees.
func TestNothingBeforeTheWord(t *testing.T) {
	for _, old := range []bool{false, true} {
		spec := aSpec(t, `touch ran; for f in /proc/self/fd/*; do echo; done; read x </dev/null; ls -l /proc/$$/fd >fds`)
		st := aStep(t, spec)
		st.noFds = st.noFds || old
		c := forkStep(t, st, -1, nil)
		c.waiting()
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.pid))
		if err != nil {
			t.Fatal(err)
		}
		if len(fds) != 4 {
			t.Errorf("old %v: %d descriptors", old, len(fds))
		}
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", c.pid)); err != nil || cwd == spec.Cwd {
			t.Errorf("it is in %s, %v", cwd, err)
		}
		if s, err := ReadStat(c.pid); err != nil || s.Sid != c.pid || s.Ppid != os.Getpid() {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := os.Stat(spec.Cwd + "/ran"); err == nil {
			t.Error("the command ran")
		}
		c.goOn()
		if ready, failure := c.hear(); !ready || failure != "" {
			t.Errorf("%v, %q", ready, failure)
		}
		if ws := c.wait(); ws.ExitStatus() != 0 {
			t.Errorf("%v", ws)
		}
	}
}

// TestSignalsWhileWaiting: no handler of Go's runs in the child. What would end
// it does so when it may, not before; what would not is nothing to it.
func TestSignalsWhileWaiting(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGSEGV, syscall.SIGPROF, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGWINCH, 40} {
		spec := aSpec(t, "exit 7")
		c := forkStep(t, aStep(t, spec), -1, nil)
		c.waiting()
		if err := syscall.Kill(c.pid, sig); err != nil {
			t.Fatal(err)
		}
		c.goOn()
		ready, failure := c.hear()
		ws := c.wait()
		if failure != "" {
			t.Errorf("%v: %q", sig, failure)
		}
		switch sig {
		case syscall.SIGURG, syscall.SIGCHLD, syscall.SIGWINCH:
			if !ready || ws.ExitStatus() != 7 {
				t.Errorf("%v: ready %v, %x", sig, ready, ws)
			}
		default:
			if ready || !ws.Signaled() || ws.Signal() != sig {
				t.Errorf("%v: ready %v, %x", sig, ready, ws)
			}
		}
	}
}

// TestStoppedWhileWaiting: it goes on where it was.
func TestStoppedWhileWaiting(t *testing.T) {
	c := forkStep(t, aStep(t, aSpec(t, "exit 7")), -1, nil)
	c.waiting()
	for range 3 {
		syscall.Kill(c.pid, syscall.SIGSTOP)
		c.state('T')
		syscall.Kill(c.pid, syscall.SIGCONT)
		c.state('S')
	}
	syscall.Kill(c.pid, syscall.SIGSTOP)
	c.state('T')
	c.goOn()
	syscall.Kill(c.pid, syscall.SIGCONT)
	if ready, failure := c.hear(); !ready || failure != "" {
		t.Errorf("%v, %q", ready, failure)
	}
	if ws := c.wait(); ws.ExitStatus() != 7 {
		t.Errorf("%x", ws)
	}
}

// TestParentIsAsBefore: mask and handlers are the parent's own again, and the
// list, whose counters the child has changed in its copy, is as it was.
func TestParentIsAsBefore(t *testing.T) {
	st := aStep(t, aSpec(t, "exit 0"))
	runtime.LockOSThread()
	before := setMask(1 << 39)
	var ops []op
	c := forkStep(t, st, -1, func(all []op) { ops = slices.Clone(all) })
	if mask := setMask(before); mask != 1<<39 {
		t.Errorf("the mask is %x", mask)
	}
	c.goOn()
	c.hear()
	if !slices.Equal(ops, st.ops) {
		t.Error("the list has changed")
	}
}

// TestRooms: what an ordinary room holds, and what takes a mapping, of which
// nothing remains.
func TestRooms(t *testing.T) {
	for _, n := range []int{0, 1, 100, 1000, 5000, 9000} {
		spec := aSpec(t, "")
		spec.Args = []string{"sh", "-c", `[ "$V0" = v0 ] && [ "$NOTIFY_SOCKET" = /x/y ] && exit $(env | grep -c ^W)`}
		spec.Env = []string{"V0=v0", "PATH=" + strings.Repeat("/no/such/place:", 200) + "/bin"}
		for i := range n {
			spec.Env = append(spec.Env, "V"+strconv.Itoa(i)+"=v"+strconv.Itoa(i))
		}
		spec.Env = append(spec.Env, "NOTIFY_SOCKET=/wrong", "W1=", "W2=x")
		spec.Groups = make([]int, n)
		st := aStep(t, spec)
		c := forkStepNotified(t, st)
		c.goOn()
		if ready, failure := c.hear(); !ready || failure != "" {
			t.Errorf("%d: %v, %q", n, ready, failure)
		}
		if ws := c.wait(); ws.ExitStatus() != 2 {
			t.Errorf("%d: %x", n, ws)
		}
		mapped, at := len(st.room.all) > ownRoom, uintptr(unsafe.Pointer(&st.room.all[0]))
		if mapped != (n >= 1000) {
			t.Errorf("%d: mapped %v", n, mapped)
		}
		st.end()
		if _, _, e := syscall.RawSyscall(unix.SYS_MSYNC, at, 4096, unix.MS_ASYNC); (e == syscall.ENOMEM) != mapped {
			t.Errorf("%d: mapped %v, and asking about it says %v", n, mapped, e)
		}
	}
	spec := aSpec(t, "")
	spec.Args, spec.Env = []string{"x"}, []string{"PATH=" + strings.Repeat("/a:", mostNames+1)}
	st := aStep(t, spec)
	if err := st.list(&handed{hs: 10, null: 4, out: 5, err: 6}); err == nil || !strings.Contains(err.Error(), `execute "x": the names under which`) {
		t.Errorf("too many names: %v", err)
	}
}

// forkStepNotified forks a step as forkStep does, with a notify socket, and
// without becoming anybody.
func forkStepNotified(t *testing.T, st *step) *child {
	t.Helper()
	b := st.room.join("NOTIFY_SOCKET=", "/x/y")
	st.envp[st.notify] = address(view(b))
	return forkStep(t, st, -1, func(ops []op) {
		for i := range ops {
			if ops[i].nr == syscall.SYS_SETGROUPS { // it has 9000, to see that there is room
				ops[i].args[0] = 0
			}
		}
	})
}

// TestForkIntoGroup: the child is born in a control group of its own.
func TestForkIntoGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs: root")
	}
	var mount string
	for _, path := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(path, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			mount = path
		}
	}
	if mount == "" {
		t.Skip("needs: a mounted cgroup2")
	}
	group := filepath.Join(mount, fmt.Sprintf("dewar-shim-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("needs: a cgroup2 that may be changed: " + err.Error())
	}
	defer func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	}()
	fd, err := unix.Open(group, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	spec := aSpec(t, "exit 7")
	if _, _, e := syscall.RawSyscall(sysClone3, 0, 0, 0); e == syscall.ENOSYS {
		t.Skip("needs: a kernel with clone3")
	}
	c := forkStep(t, aStep(t, spec), fd, nil)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", c.pid))
	if err != nil || !strings.Contains(string(b), "0::/"+filepath.Base(group)+"\n") {
		t.Errorf("it is in %q, %v", b, err)
	}
	c.goOn()
	if ready, failure := c.hear(); !ready || failure != "" {
		t.Errorf("%v, %q", ready, failure)
	}
	if ws := c.wait(); ws.ExitStatus() != 7 {
		t.Errorf("%x", ws)
	}
	// No group: the parent is told why.
	st := aStep(t, spec)
	if err := st.list(&handed{hs: 10, null: 4, out: 5, err: 6}); err != nil {
		t.Fatal(err)
	}
	if pid, err := st.fork(10, 0); err == nil {
		t.Errorf("forked %d into what is no group", pid)
	}
}
