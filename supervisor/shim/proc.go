package shim

import (
	"bytes"
	"errors"
	"strconv"
	"syscall"
	"unsafe"
)

// Stat is what /proc/<pid>/stat says of a process, as far as we care.
type Stat struct {
	Pid     int
	State   byte // 'R', 'S', 'D', 'T' (stopped), 'Z' (zombie), 'X' (dead) …
	Ppid    int
	Pgid    int
	Sid     int
	Exiting bool // it has begun to, or its first thread has
	Threads int
	Start   uint64 // clock ticks since boot
}

// pfExiting is the kernel's PF_EXITING, in the field flags.
const pfExiting = 4

// ParseStat reads the contents of /proc/<pid>/stat. The command's name, which
// may hold anything, ends at the last parenthesis.
func ParseStat(b []byte) (Stat, error) {
	var s Stat
	open, end := bytes.IndexByte(b, ' '), bytes.LastIndexByte(b, ')')
	if open <= 0 || end < open || end+2 >= len(b) {
		return s, errors.New("not what /proc/<pid>/stat looks like")
	}
	pid, ok := decimal(b[:open])
	rest := b[end+2:]
	s.Pid, s.State = int(pid), rest[0]
	// Fields are numbered as in proc(5): the state is field 3.
	for field := 3; ok && field <= 22; field++ {
		next := bytes.IndexByte(rest, ' ')
		if next < 0 {
			return s, errors.New("/proc/<pid>/stat is cut off")
		}
		var n uint64
		switch field {
		case 4, 5, 6, 9, 20, 22:
			n, ok = decimal(rest[:next])
		}
		switch field {
		case 4:
			s.Ppid = int(n)
		case 5:
			s.Pgid = int(n)
		case 6:
			s.Sid = int(n)
		case 9:
			s.Exiting = n&pfExiting != 0
		case 20:
			s.Threads = int(n)
		case 22:
			s.Start = n
		}
		rest = rest[next+1:]
	}
	if !ok {
		return s, errors.New("/proc/<pid>/stat holds something other than numbers")
	}
	return s, nil
}

// decimal reads digits only; it allocates nothing.
func decimal(b []byte) (uint64, bool) {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' || n > 1<<60 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(b) > 0
}

// ReadStat asks the kernel about a process. The error of one that is gone is
// ENOENT or ESRCH.
func ReadStat(pid int) (Stat, error) {
	var buf [512]byte
	n, err := readProc(pid, "stat", buf[:])
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(buf[:n])
}

// Alive reports whether the process that had this pid and this start time
// lives: it is there, the same one, and not a zombie.
func Alive(pid int, start uint64) bool {
	s, err := ReadStat(pid)
	return err == nil && s.Start == start && !s.Dead()
}

// Dead reports whether the process has exited. One whose first thread has,
// while others run, looks like a zombie and is none.
func (s *Stat) Dead() bool { return s.State == 'X' || s.State == 'Z' && s.Threads <= 1 }

// BootID is this boot's random id.
func BootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	var buf [64]byte
	n, err := readFile(path, buf[:])
	if err != nil {
		return "", &PathError{"read", path, err}
	}
	return string(bytes.TrimRight(buf[:n], "\n")), nil
}

// BootTime is CLOCK_BOOTTIME: nanoseconds since boot, suspension included.
func BootTime() int64 { return clock(clockBoottime) }

// WallTime is CLOCK_REALTIME: nanoseconds since 1970.
func WallTime() int64 { return clock(clockRealtime) }

const (
	clockRealtime = 0
	clockBoottime = 7
)

func clock(id uintptr) int64 {
	var ts syscall.Timespec
	if _, _, e := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0); e != 0 {
		panic("clock_gettime of a clock that Linux has had since 2.6.39: " + e.Error())
	}
	return ts.Nano()
}

// procPath builds "/proc/<pid>/<name>" in buf, with a NUL, without allocating.
func procPath(buf []byte, pid int, name string) []byte {
	buf = append(buf[:0], "/proc/"...)
	buf = strconv.AppendInt(buf, int64(pid), 10)
	buf = append(buf, '/')
	buf = append(buf, name...)
	return append(buf, 0)
}

// threadPath builds "/proc/<pid>/task/<tid><name>" in buf; the name brings its
// slash and its NUL.
func threadPath(buf []byte, pid, tid int, name string) []byte {
	buf = procPath(buf, pid, "task/")
	buf = appendDecimal(buf[:len(buf)-1], tid)
	return append(buf, name...)
}

// readProc reads at most len(buf) bytes of /proc/<pid>/<name>.
func readProc(pid int, name string, buf []byte) (int, error) {
	var space [64]byte
	return readFileZ(procPath(space[:0], pid, name), buf)
}

func readFile(path string, buf []byte) (int, error) {
	return readFileZ(append([]byte(path), 0), buf)
}
