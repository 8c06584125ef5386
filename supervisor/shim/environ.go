package shim

import (
	"syscall"
	"unsafe"
)

// envState is what became of asking for an environment.
type envState uint8

const (
	envRead envState = iota // it was read; or we may not, or the process is gone
	envNone                 // there is none: never given, or an execve is on its way
	envGone                 // the process is exiting and has given it back
)

// runOfEnviron says which run a process belongs to by DEWAR_PROCESS and
// DEWAR_RUN in the environment that it was executed with: the run's directory
// appended to dst, or nil. An entry that is longer than buf is skipped.
func runOfEnviron(pid int, dst, buf []byte) ([]byte, envState) {
	found := dst
	var state envState
	for try := 0; try < patientTries; try++ {
		if found, state = askEnviron(pid, dst, buf); state != envNone {
			break
		}
		// For some microseconds of an execve there is nothing to read. One that
		// was executed without any looks the same, and pays for it once.
		pause()
	}
	return found, state
}

// patientTries are as many pauses for an execve as are waited for.
const patientTries = 25

// pause lets others run for at least 20 µs.
func pause() {
	const nsec = 20_000
	t := syscall.Timespec{Nsec: nsec}
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

func askEnviron(pid int, dst, buf []byte) ([]byte, envState) {
	tid := pid
	if st, err := ReadStat(pid); err == nil && st.Exiting {
		if tid = otherThread(pid); tid == 0 {
			return nil, envGone
		}
	}
	var space [64]byte
	fd, err := openatZ(atFdcwd, threadPath(space[:], pid, tid, "/environ\x00"), syscall.O_RDONLY, 0)
	if err != nil {
		return nil, envRead
	}
	defer closeFd(fd)
	var process, number [256]byte
	np, nn, entries := 0, 0, 0
	eachEntryOfEnviron(fd, buf, func(entry []byte) {
		entries++
		if v, ok := cutPrefix(entry, "DEWAR_PROCESS="); ok && len(v) <= len(process) {
			np = copy(process[:], v)
		} else if v, ok := cutPrefix(entry, "DEWAR_RUN="); ok && len(v) <= len(number) {
			nn = copy(number[:], v)
		}
	})
	switch {
	case entries == 0:
		return nil, envNone // or it has begun to exit since: the next look tells
	case np == 0 || nn == 0:
		return nil, envRead
	}
	dst = append(dst, "runs/"...)
	dst = append(dst, process[:np]...)
	dst = append(dst, '/')
	return append(dst, number[:nn]...), envRead
}

// otherThread is one that still runs of a process whose first thread has
// exited, or 0.
func otherThread(pid int) int {
	var space [64]byte
	dir, err := openatZ(atFdcwd, procPath(space[:], pid, "task"), syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return 0
	}
	defer closeFd(dir)
	var names [512]byte
	found := 0
	// It ends early only when the process has gone.
	_ = eachEntry(dir, names[:], func(name []byte) {
		tid, ok := decimal(name)
		if !ok || int(tid) == pid || found != 0 {
			return
		}
		var path [64]byte
		var buf [512]byte
		n, err := readFileZ(threadPath(path[:], pid, int(tid), "/stat\x00"), buf[:])
		if err != nil {
			return
		}
		if st, err := ParseStat(buf[:n]); err == nil && !st.Exiting {
			found = int(tid)
		}
	})
	return found
}

func eachEntryOfEnviron(fd int, buf []byte, each func(entry []byte)) {
	have, skip := 0, false
	for {
		n, err := readFd(fd, buf[have:])
		if err != nil || n == 0 {
			return
		}
		have += n
		start := 0
		for i := have - n; i < have; i++ {
			if buf[i] != 0 {
				continue
			}
			if !skip {
				each(buf[start:i])
			}
			skip = false
			start = i + 1
		}
		have = copy(buf, buf[start:have])
		if have == len(buf) {
			have, skip = 0, true
		}
	}
}

func cutPrefix(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	return b[len(prefix):], true
}
