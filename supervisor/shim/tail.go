package shim

import "syscall"

// ring keeps the last MaxTail bytes that were written to it. It costs nothing
// until something is.
type ring struct {
	buf []byte
	at  int  // where the next byte goes
	all bool // every byte of buf is in use
}

func (t *ring) write(b []byte) {
	if t.buf == nil {
		t.buf = make([]byte, MaxTail)
	}
	if len(b) > MaxTail {
		b = b[len(b)-MaxTail:]
	}
	for len(b) > 0 {
		n := copy(t.buf[t.at:], b)
		b = b[n:]
		t.at += n
		if t.at == MaxTail {
			t.at, t.all = 0, true
		}
	}
}

func (t *ring) String() string {
	if !t.all {
		return string(t.buf[:t.at])
	}
	return string(t.buf[t.at:]) + string(t.buf[:t.at])
}

func (t *ring) free() { *t = ring{} }

// tailOf is the end of a run's stderr.
func (s *shim) tailOf(r *run) string {
	if r.piped {
		return r.streams[1].tail.String()
	}
	if r.said != saidReady {
		return ""
	}
	return readTail(r.spec.logdir, r.spec.uid)
}

// readTail reads the end of a log that the run has written itself, and may
// have replaced by something else: only a plain file of its user, with no
// second name, is read.
func readTail(logdir string, uid int) string {
	const flags = oPath | syscall.O_DIRECTORY | syscall.O_NOFOLLOW
	at := atFdcwd
	for rest := logdir; rest != ""; {
		var part string
		part, rest = cutSlash(rest)
		fd, err := openatZ(at, append([]byte(part), 0), flags, 0)
		if at >= 0 {
			closeFd(at)
		}
		if err != nil {
			return ""
		}
		at = fd
	}
	fd, err := openatZ(at, []byte("stderr\x00"), syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	closeFd(at)
	if err != nil {
		return ""
	}
	defer closeFd(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Nlink != 1 || int(st.Uid) != uid {
		return ""
	}
	var buf [MaxTail]byte
	n, err := syscall.Pread(fd, buf[:], max(0, st.Size-MaxTail))
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
