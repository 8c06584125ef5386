package shim

import (
	"errors"
	"syscall"
	"unsafe"
)

// stream is stdout or stderr of a run whose logs the shim carries.
type stream struct {
	name    string
	in      int   // our end of the pipe, -1 when it is over
	out     int   // the run's end, until it is forked
	dir     int   // of the log file; -1 if there is none
	file    int   // the log file, -1 while it cannot be opened
	size    int64 // of the log file
	midLine bool  // its last byte does not end a line
	dropped int64 // bytes that could not be written
	unsaid  int64 // of these, not yet mentioned in the log
	why     error // why they could not
	tail    ring  // of stderr
}

func newStream(name string) stream {
	return stream{name: name, in: -1, out: -1, dir: -1, file: -1}
}

// carrier is what all streams share.
type carrier struct {
	buf     []byte // made when the first pipe is
	console [2]console
	// unlooked is how much went to the console since its size was looked at.
	unlooked int
}

const (
	readSize = 64 << 10
	fionread = 0x541b
)

// openLogs makes the pipes and log files of a run.
func (s *shim) openLogs(r *run) error {
	if !r.piped {
		return r.openFiles()
	}
	if s.logs.buf == nil {
		s.logs.buf = make([]byte, readSize)
	}
	for i := range r.streams {
		st := &r.streams[i]
		if r.spec.file {
			dir, err := openLogDir(r.spec.logdir, r.spec.uid, r.spec.gid)
			if err != nil {
				return err
			}
			st.dir = dir
			if st.file, err = newLog(dir, r.spec.logdir, st.name, r.spec.uid, r.spec.gid); err != nil {
				return err
			}
		}
		var pair [2]int
		if err := syscall.Pipe2(pair[:], syscall.O_CLOEXEC); err != nil {
			return errors.New("make a log pipe: " + err.Error())
		}
		st.in, st.out = pair[0], pair[1]
		err := setNonblock(st.in)
		if err == nil {
			err = s.watchFd(st.in, watchStdout+watchKind(i), r, epollIn)
		}
		if err != nil {
			return errors.New("watch a log pipe: " + err.Error())
		}
	}
	return nil
}

// openFiles makes the log files of a run that writes them itself.
func (r *run) openFiles() error {
	dir, err := openLogDir(r.spec.logdir, r.spec.uid, r.spec.gid)
	if err != nil {
		return err
	}
	defer closeFd(dir)
	for i := range r.streams {
		st := &r.streams[i]
		if st.out, err = newLog(dir, r.spec.logdir, st.name, r.spec.uid, r.spec.gid); err != nil {
			return err
		}
	}
	return nil
}

// closeLogs closes everything of a run's logs.
func (s *shim) closeLogs(r *run) {
	for i := range r.streams {
		st := &r.streams[i]
		s.drop(&st.in)
		s.drop(&st.out)
		s.drop(&st.file)
		s.drop(&st.dir)
		st.tail.free()
	}
}

// carry moves what is in a run's pipe, one read's worth: the others have their
// turn before the next.
func (s *shim) carry(r *run, st *stream) {
	if st.in < 0 {
		return
	}
	n, err := readFd(st.in, s.logs.buf)
	switch {
	case err == syscall.EAGAIN:
	case err != nil || n == 0: // nobody holds the other end any more
		s.drop(&st.in)
	default:
		s.emit(r, st, s.logs.buf[:n])
	}
}

// drainLogs moves what is in the pipes now, and does not wait for whoever may
// still hold their other ends.
func (s *shim) drainLogs(r *run) {
	for i := range r.streams {
		st := &r.streams[i]
		for left := st.waiting(); left > 0; {
			n, err := readFd(st.in, s.logs.buf[:min(left, readSize)])
			if err != nil || n == 0 {
				break
			}
			s.emit(r, st, s.logs.buf[:n])
			left -= n
		}
		s.sayDropped(r, st)
	}
}

// waiting is how many bytes are in the pipe.
func (st *stream) waiting() int {
	if st.in < 0 {
		return 0
	}
	var n int32
	if _, _, e := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(st.in), fionread, uintptr(unsafe.Pointer(&n))); e != 0 {
		panic("ask how much is in a pipe of our own: " + e.Error())
	}
	return int(n)
}

// emit puts a run's bytes where its spec wants them.
func (s *shim) emit(r *run, st *stream, b []byte) {
	if st == &r.streams[1] {
		st.tail.write(b)
	}
	if r.spec.file {
		s.sayDropped(r, st)
		st.write(r, b)
	}
	if r.spec.console {
		i := 0
		if st == &r.streams[1] {
			i = 1
		}
		s.logs.boundConsole(len(b))
		st.dropped += int64(s.logs.console[i].write(i+1, b))
	}
}

// write appends to the log file, and begins a new one at the last end of a line
// before the limit, or, in a line that is longer than what is at hand, at
// exactly the limit.
func (st *stream) write(r *run, b []byte) {
	for len(b) > 0 {
		if st.file < 0 {
			if err := st.reopen(r); err != nil {
				st.lose(len(b), err)
				return
			}
		}
		chunk, full := b, false
		if limit := r.spec.limit; limit > 0 && int64(len(b)) > limit-st.size {
			chunk, full = b[:max(0, limit-st.size)], true
			if i := lastNewline(chunk); i >= 0 {
				chunk = chunk[:i+1]
			} else if st.size > 0 && !st.midLine {
				chunk = nil
			}
		}
		n, err := writeFd(st.file, chunk)
		if err != nil {
			st.lose(len(b), err)
			return
		}
		if n > 0 {
			st.midLine = chunk[n-1] != '\n'
		}
		st.size += int64(n)
		b = b[n:]
		if full && n == len(chunk) {
			st.rotate(r)
		}
	}
}

// lose counts bytes that cannot be written.
func (st *stream) lose(n int, err error) {
	st.dropped += int64(n)
	st.unsaid += int64(n)
	st.why = err
}

// sayDropped says in the log that something is missing from it, when there is
// room again.
func (s *shim) sayDropped(r *run, st *stream) {
	if st.unsaid == 0 || !r.spec.file {
		return
	}
	lost := st.unsaid
	b := append([]byte(nil), "\n[dewar: "...)
	b = appendDecimal(b, int(lost))
	b = append(b, " bytes of this log could not be written: "...)
	b = append(b, st.why.Error()...)
	b = append(b, "]\n"...)
	dropped := st.dropped
	st.unsaid = 0
	st.write(r, b)
	if st.dropped > dropped { // no room yet; our own words do not count
		st.dropped, st.unsaid = dropped, lost
	}
}

func lastNewline(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == '\n' {
			return i
		}
	}
	return -1
}
