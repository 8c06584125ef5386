package shim

import "syscall"

// runOfEnviron says which run a process belongs to by DEWAR_PROCESS and
// DEWAR_RUN in the environment that it was executed with: the run's directory
// appended to dst, or nil. An entry that is longer than buf is skipped.
func runOfEnviron(pid int, dst, buf []byte) []byte {
	var space [64]byte
	fd, err := openatZ(atFdcwd, procPath(space[:], pid, "environ"), syscall.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer closeFd(fd)
	var process, number [256]byte
	np, nn := 0, 0
	eachEntryOfEnviron(fd, buf, func(entry []byte) {
		if v, ok := cutPrefix(entry, "DEWAR_PROCESS="); ok && len(v) <= len(process) {
			np = copy(process[:], v)
		} else if v, ok := cutPrefix(entry, "DEWAR_RUN="); ok && len(v) <= len(number) {
			nn = copy(number[:], v)
		}
	})
	if np == 0 || nn == 0 {
		return nil
	}
	dst = append(dst, "runs/"...)
	dst = append(dst, process[:np]...)
	dst = append(dst, '/')
	return append(dst, number[:nn]...)
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
