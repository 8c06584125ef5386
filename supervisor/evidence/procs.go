package evidence

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// Of one process at most so many threads and files are shown, and of all
// together at most so much of procs.txt is the list at its top.
const (
	mostThreads = 64
	mostFiles   = 256
	mostListed  = 512 << 10
)

// fillProcs lists all processes first, for that takes little time and tells most,
// and then says more of each.
func fillProcs(ctx context.Context, to *sheet, pids []int) {
	room := to.left - mostListed
	to.printf("%7s %7s %s %7s %-24s %s\n", "PID", "PPID", "S", "THREADS", "WCHAN", "NAME")
	for i, pid := range pids {
		if ctx.Err() != nil || to.left < room {
			to.printf("and %d more\n", len(pids)-i)
			break
		}
		if s, err := shim.ReadStat(pid); err == nil {
			to.printf("%7d %7d %c %7d %-24s %s\n", pid, s.Ppid, s.State, s.Threads, wchan(of(pid)), name(of(pid)))
		}
	}
	for _, pid := range pids {
		if ctx.Err() != nil || to.full() {
			return
		}
		fillProc(to, pid)
	}
}

// fillProc says more of a process. One that is gone has nothing to say.
func fillProc(to *sheet, pid int) {
	s, err := shim.ReadStat(pid)
	if err != nil {
		return
	}
	dir := of(pid)
	to.printf("\n== process %d (%s)\n", pid, name(dir))
	to.printf("state %c, parent %d, session %d\n", s.State, s.Ppid, s.Sid)
	for _, link := range []string{"exe", "cwd", "root"} {
		if target, err := os.Readlink(dir + link); err == nil {
			to.printf("%s -> %s\n", link, printable(target))
		}
	}
	for _, file := range []string{"status", "limits"} {
		to.printf("%s:\n%s", file, indented(read(dir+file)))
	}
	threads, more := list(dir+"task", mostThreads)
	for _, thread := range threads {
		at := dir + "task/" + thread + "/"
		to.printf("thread %s (%s), state %s, waits in %s\n%s", thread, name(at), state(at), wchan(at), indented(read(at+"stack")))
	}
	if more > 0 {
		to.printf("and %d more threads\n", more)
	}
	files, more := list(dir+"fd", mostFiles)
	for _, fd := range files {
		if target, err := os.Readlink(dir + "fd/" + fd); err == nil {
			to.printf("fd %s -> %s\n", fd, printable(target))
		}
	}
	if more > 0 {
		to.printf("and %d more open files\n", more)
	}
}

// fillCmdlines comes to an end at the first process that holds us up.
func fillCmdlines(ctx context.Context, to *sheet, pids []int) {
	for _, pid := range pids {
		if ctx.Err() != nil || to.full() {
			return
		}
		const most = 4 << 10
		line := printable(string(bytes.ReplaceAll(bytes.TrimRight(read(of(pid)+"cmdline"), "\x00"), []byte{0}, []byte{' '})))
		to.printf("%d: %s\n", pid, line[:min(len(line), most)])
	}
}

func of(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/" }

// read is what there is of a file, of which 64 KiB are enough.
func read(path string) []byte {
	const most = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, most)
	n := 0
	for n < most {
		k, err := f.Read(b[n:])
		n += k
		if k == 0 || err != nil {
			break
		}
	}
	return b[:n]
}

func name(dir string) string { return printable(strings.TrimSpace(string(read(dir + "comm")))) }

// wchan is where a thread waits, "-" if it does not or nobody says so.
func wchan(dir string) string {
	if s := string(read(dir + "wchan")); s != "" && s != "0" {
		return s
	}
	return "-"
}

func state(dir string) string {
	s, err := shim.ParseStat(read(dir + "stat"))
	if err != nil {
		return "?"
	}
	return string(rune(s.State))
}

// list is what a directory of numbers holds, in their order, and how many more
// there are than are asked for.
func list(dir string, most int) (names []string, more int) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, 0
	}
	defer d.Close()
	names, err = d.Readdirnames(-1)
	if err != nil && len(names) == 0 {
		return nil, 0
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	more = max(0, len(names)-most)
	return names[:len(names)-more], more
}

func indented(text []byte) string {
	text = bytes.TrimRight(text, "\n")
	if len(text) == 0 {
		return ""
	}
	return "    " + strings.ReplaceAll(printable(string(text)), "\n", "\n    ") + "\n"
}

// printable quotes what a terminal would not show as it is, but for ends of
// lines and tabs.
func printable(s string) string {
	plain := func(r rune) bool { return r >= ' ' && r != 0x7f && r != '\ufffd' || r == '\t' || r == '\n' }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return '?'
	}, s)
}
