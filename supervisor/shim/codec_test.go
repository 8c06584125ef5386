package shim

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// anyText is anything that a field can carry.
var anyText = rapid.Custom(func(t *rapid.T) string {
	return strings.ReplaceAll(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")), "\x00", " ")
})

func anySpec(t *rapid.T) Spec {
	s := Spec{
		Args: rapid.SliceOfN(anyText, 1, 5).Draw(t, "args"), Env: rapid.SliceOfN(anyText, 1, 5).Draw(t, "env"),
		Cwd: "/" + anyText.Draw(t, "cwd"), UID: rapid.IntRange(0, 1<<32-2).Draw(t, "uid"), GID: rapid.IntRange(0, 1<<32-2).Draw(t, "gid"),
		Groups: rapid.SliceOfN(rapid.IntRange(0, 1<<32-2), 1, 5).Draw(t, "groups"), User: anyText.Draw(t, "user"),
		Umask: rapid.IntRange(0, 0o777).Draw(t, "umask"), NoNewPrivs: rapid.Bool().Draw(t, "nnp"),
		LogDir: "a/b", LogUID: rapid.IntRange(0, 1<<32-2).Draw(t, "loguid"), LogGID: rapid.IntRange(0, 1<<32-2).Draw(t, "loggid"),
		Dest:    rapid.SampledFrom([]string{"file", "console", "both", "none"}).Draw(t, "dest"),
		Mode:    rapid.SampledFrom([]string{"standard", "rotate"}).Draw(t, "mode"),
		LogSize: rapid.Int64Range(1, 1<<62).Draw(t, "size"), Backups: rapid.IntRange(0, 1000).Draw(t, "backups"),
		Notify: rapid.Bool().Draw(t, "notify"),
	}
	s.Args[0] += "x"
	return s
}

func TestSpecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anySpec(t)
		b := want.Append(nil)
		got, err := DecodeSpec(append(b, make([]byte, rapid.IntRange(0, 9).Draw(t, "padding"))...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
			if _, err := DecodeSpec(b[:cut]); err == nil {
				t.Fatalf("cut at %d of %d it is still accepted", cut, len(b))
			}
		}
	})
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<62)
		want := Status{
			State: rapid.SampledFrom([]State{Forked, Running, Ended}).Draw(t, "state"), Pid: rapid.IntRange(1, 1<<22).Draw(t, "pid"),
			Start: rapid.Uint64Range(1, 1<<60).Draw(t, "start"), Boot: "b" + anyText.Draw(t, "boot"), Shim: 1, ShimStart: 2,
			StartedWall: n.Draw(t, "sw"), StartedBoot: n.Draw(t, "sb"), Ready: rapid.Bool().Draw(t, "ready"),
			Signals: rapid.SliceOfN(rapid.IntRange(1, 64), 1, 3).Draw(t, "signals"), Exit: -1, Signal: -1,
		}
		if want.State == Ended {
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				want.Exit = rapid.IntRange(0, 255).Draw(t, "exit")
			case 1:
				want.Signal, want.Core = rapid.IntRange(1, 64).Draw(t, "signal"), rapid.Bool().Draw(t, "core")
			case 2:
				want.Error = "e" + anyText.Draw(t, "error")
			}
			want.EndedWall, want.EndedBoot, want.UTime, want.STime, want.MaxRSS = 1, 2, 3, 4, n.Draw(t, "rss")
			want.Tail, want.Left, want.Dropped = anyText.Draw(t, "tail"), rapid.IntRange(0, 9).Draw(t, "left"), n.Draw(t, "dropped")
		}
		b := want.Append(nil)
		got, err := DecodeStatus(append(b, 0, 0))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
			if _, err := DecodeStatus(b[:cut]); err == nil {
				t.Fatalf("cut at %d of %d it is still accepted", cut, len(b))
			}
		}
	})
}

// TestLongestStatus fits into what is set aside for it.
func TestLongestStatus(t *testing.T) {
	s := Status{State: Ended, Pid: 1 << 22, Start: 1 << 63, Boot: strings.Repeat("x", 36), Shim: 1 << 22, ShimStart: 1 << 63,
		StartedWall: 1 << 62, StartedBoot: 1 << 62, Ready: true, Error: strings.Repeat("e", 1020), Exit: -1, Signal: -1,
		EndedWall: 1 << 62, EndedBoot: 1 << 62, UTime: 1 << 62, STime: 1 << 62, MaxRSS: 1 << 62, Left: 1 << 22, Dropped: 1 << 62, Tail: strings.Repeat("t", MaxTail)}
	for i := 1; i <= 64; i++ {
		s.Signals = append(s.Signals, i)
	}
	if n := len(s.Append(nil)); n > statusRoom {
		t.Errorf("%d bytes", n)
	}
}

func TestDecodeErrors(t *testing.T) {
	cases := map[string]string{
		"":                                      "it is empty",
		"\x00\x00\x00":                          "it is empty",
		"garbage":                               "the last field is cut off",
		"garbage\x00":                           "not a list of key=value fields",
		"=x\x00":                                "not a list of key=value fields",
		"state=ended\x00":                       "it does not begin with a version",
		"version=7\x00":                         "it is of version 7, and this program knows version 1",
		"version=x\x00":                         `the field version is not a number: "x"`,
		"version=1\x00state=ended\x00":          "it is cut off",
		"version=1\x00end=1\x00x=y\x00":         "there are fields after its end",
		"version=1\x00state=dead\x00end=1\x00":  "it has no known state",
		"version=1\x00state=ended\x00end=1\x00": "it says ended but not how",
		"version=1\x00state=running\x00pid=0\x00end=1\x00": "it says running but not which process that is",
		"version=1\x00pid=99999999999999999999\x00":        `the field pid is not a number: "99999999999999999999"`,
	}
	for in, want := range cases {
		if _, err := DecodeStatus([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("version=1\x00state=ended\x00exit=3\x00end=1\x00"))
	s := Spec{Args: []string{"x"}, Cwd: "/", LogDir: "a", Dest: "file", Mode: "standard"}
	f.Add(s.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeSpec(b); err == nil {
			if again, err := DecodeSpec(s.Append(nil)); err != nil || !reflect.DeepEqual(s, again) {
				t.Errorf("%+v is read back as %+v, %v", s, again, err)
			}
		}
		if s, err := DecodeStatus(b); err == nil && s.State == Ended && s.Exit < 0 && s.Signal < 0 && s.Error == "" {
			t.Errorf("an end without a how: %+v", s)
		}
	})
}

func FuzzCutFrame(f *testing.F) {
	f.Add(AppendFrame(AppendFrame(nil, "spawn", "runs/p/0"), "list"))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		body, size, err := CutFrame(b)
		if err != nil || size == 0 {
			return
		}
		if size > len(b) || size > MaxFrame || len(body) != size-frameHead || body[len(body)-1] != 0 {
			t.Fatalf("size %d, body %d of %d", size, len(body), len(b))
		}
		var fields []string
		for rest := body; len(rest) > 0; {
			var field []byte
			field, rest = CutField(rest)
			fields = append(fields, string(field))
		}
		if again := AppendFrame(nil, fields...); !bytes.Equal(again, b[:size]) {
			t.Fatalf("%q is written back as %q", b[:size], again)
		}
	})
}

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194560 100 200 0 0 1 2 0 0 20 0 4 0 12345 1000 10"
	for _, name := range []string{"sh", "a b", "a) R 9 9 9", "(((", ")", "\n"} {
		s, err := ParseStat([]byte("42 (" + name + ")" + rest + "\n"))
		if err != nil || s != (Stat{Pid: 42, State: 'S', Ppid: 1, Pgid: 2, Sid: 3, Threads: 4, Start: 12345}) {
			t.Errorf("%q: %+v, %v", name, s, err)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh)", "42 (sh) S", "x (sh)" + rest, "42 (sh) S 1 2 3"} {
		if _, err := ParseStat([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	s, err := ReadStat(os.Getpid())
	if err != nil || s.Pid != os.Getpid() || s.Ppid != os.Getppid() || s.Start == 0 || !Alive(s.Pid, s.Start) || Alive(s.Pid, s.Start+1) {
		t.Errorf("ourselves: %+v, %v", s, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (sh) S 1 2 3 0 -1 4194560 100 200 0 0 1 2 0 0 20 0 4 0 12345 1000 10"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = ParseStat(b) })
}

// TestNumbers holds our copies of the kernel's numbers against x/sys.
func TestNumbers(t *testing.T) {
	for name, pair := range map[string][2]int{
		"renameat2": {sysRenameat2, unix.SYS_RENAMEAT2}, "newfstatat": {sysNewfstatat, sysFstatatOfUnix}, "epoll_pwait": {sysEpollPwait, unix.SYS_EPOLL_PWAIT},
		"pidfd_open": {sysPidfdOpen, unix.SYS_PIDFD_OPEN}, "close_range": {sysCloseRange, unix.SYS_CLOSE_RANGE},
		"AT_FDCWD": {atFdcwd, unix.AT_FDCWD}, "AT_REMOVEDIR": {atRemovedir, unix.AT_REMOVEDIR}, "AT_SYMLINK_NOFOLLOW": {atSymlinkNofollow, unix.AT_SYMLINK_NOFOLLOW},
		"O_PATH": {oPath, unix.O_PATH}, "RENAME_EXCHANGE": {renameExchange, unix.RENAME_EXCHANGE},
		"FALLOC_FL_KEEP_SIZE": {fallocKeepSize, unix.FALLOC_FL_KEEP_SIZE}, "PR_SET_PDEATHSIG": {prSetPdeathsig, unix.PR_SET_PDEATHSIG},
		"PR_SET_CHILD_SUBREAPER": {prSetChildSubreaper, unix.PR_SET_CHILD_SUBREAPER}, "PR_SET_NO_NEW_PRIVS": {prSetNoNewPrivs, unix.PR_SET_NO_NEW_PRIVS},
		"clone3": {sysClone3, unix.SYS_CLONE3}, "CLONE_INTO_CGROUP": {cloneIntoCgroup, unix.CLONE_INTO_CGROUP},
		"RLIMIT_NOFILE": {rlimitNofile, unix.RLIMIT_NOFILE}, "SIG_SETMASK": {sigSetmask, unix.SIG_SETMASK},
		"P_ALL": {pAll, unix.P_ALL}, "P_PID": {pPid, unix.P_PID}, "WEXITED": {wExited, unix.WEXITED}, "WNOHANG": {wNohang, unix.WNOHANG}, "WNOWAIT": {wNowait, unix.WNOWAIT},
		"FIONREAD": {fionread, unix.TIOCINQ}, "CLOCK_BOOTTIME": {clockBoottime, unix.CLOCK_BOOTTIME},
		"EPOLLIN": {epollIn, unix.EPOLLIN}, "EPOLLOUT": {epollOut, unix.EPOLLOUT}, "EPOLLRDHUP": {epollRdhup, unix.EPOLLRDHUP},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %d here and %d there", name, pair[0], pair[1])
		}
	}
}

func TestDurations(t *testing.T) {
	got, err := durations("0,5s,250ms,7")
	if err != nil || !reflect.DeepEqual(got, []int64{0, 5e9, 25e7, 7e9}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "-1s", "1h", "1,,2"} {
		if _, err := durations(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestHighestFd(t *testing.T) {
	const high = 200
	if err := unix.Dup3(0, high, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(high)
	if fd, err := highestFd(); err != nil || fd < high || fd > high+100 {
		t.Errorf("%d, %v", fd, err)
	}
	if err := closeListed(high); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(high, unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("it is still open: %v", err)
	}
}

func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var all []byte
		for _, n := range rapid.SliceOf(rapid.IntRange(0, 3*MaxTail)).Draw(t, "writes") {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(len(all) + i*7)
			}
			r.write(b)
			all = append(all, b...)
		}
		if want := string(all[max(0, len(all)-MaxTail):]); r.String() != want {
			t.Fatalf("%d bytes kept of %d", len(r.String()), len(all))
		}
	})
}
