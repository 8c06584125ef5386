package shim

import "syscall"

// A run's status is replaced as a whole, by rename. Its successor, status.next,
// exists and has its blocks from the moment the run is spawned: the two names
// are exchanged at every change, so that no change needs room on the disk. At
// the first status there is nothing yet to be exchanged, and a second file is
// set aside.
const (
	statusRoom = 8192 // bytes set aside; the longest status is shorter
	nextName   = "/status.next"
)

// path is the NUL-terminated name of something in a run's directory, in one of
// two buffers.
func (s *shim) path(i int, dir, name string) []byte {
	b := append(s.pathBuf[i][:0], dir...)
	b = append(b, name...)
	return append(b, 0)
}

// spares are files that were a run's status.next to its end. The next runs get
// them: file systems make and remove files slowly (ext4 the more slowly, the
// more it has just removed).
type spares struct {
	n   int // how many there are
	pad int // the longest contents that any has had
}

// mostSpares bounds what lies around; it is about as many as end at once.
const mostSpares = 16

// spareName is the NUL-terminated name of the n-th.
func (s *shim) spareName(n int) []byte {
	b := append(s.pathBuf[1][:0], "status.spare."...)
	return append(appendDecimal(b, n), 0)
}

// reserve makes status.next, with room.
func (s *shim) reserve(r *run) error {
	if s.spares.n > 0 {
		s.spares.n--
		if renameatZ(atFdcwd, s.spareName(s.spares.n), s.path(0, r.dir, nextName), 0) == nil {
			r.pad = max(r.pad, s.spares.pad)
			return nil
		}
	}
	fd, err := openatZ(atFdcwd, s.path(0, r.dir, nextName), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return &PathError{"make", r.dir + nextName, err}
	}
	defer closeFd(fd)
	err = fallocate(fd, fallocKeepSize, statusRoom)
	if err == syscall.EOPNOTSUPP || err == syscall.ENOSYS {
		var zeros [statusRoom]byte
		err = writeFull(fd, zeros[:])
	}
	if err != nil {
		return &PathError{"set aside room for", r.dir + nextName, err}
	}
	return nil
}

// keep puts the status.next of an ended run aside.
func (s *shim) keep(r *run) {
	next := s.path(0, r.dir, nextName)
	if s.spares.n < mostSpares && renameatZ(atFdcwd, next, s.spareName(s.spares.n), 0) == nil {
		s.spares.n++
		s.spares.pad = max(s.spares.pad, r.pad)
		return
	}
	if err := unlinkatZ(atFdcwd, next, 0); err != nil {
		complain((&PathError{"remove", r.dir + nextName, err}).Error())
	}
}

// removeSpares is called when the shim ends.
func (s *shim) removeSpares() {
	for ; s.spares.n > 0; s.spares.n-- {
		if err := unlinkatZ(atFdcwd, s.spareName(s.spares.n-1), 0); err != nil {
			complain("remove a spare status: " + err.Error())
		}
	}
}

// writeStatus replaces the status of a run; last says that no other is to
// follow. That it fails is not the run's fault, and nothing waits for it: what
// could not be written is in the next one.
func (s *shim) writeStatus(r *run, last bool) {
	if err := s.replaceStatus(r, last); err != nil {
		complain(err.Error())
	}
}

func (s *shim) replaceStatus(r *run, last bool) error {
	b := r.st.Append(s.statusBuf[:0])
	for len(b) < r.pad { // what a longer one left behind
		b = append(b, 0)
	}
	r.pad = len(b)
	s.statusBuf = b[:0]
	next, name := s.path(0, r.dir, nextName), s.path(1, r.dir, "/"+StatusName)
	fd, err := openatZ(atFdcwd, next, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return &PathError{"open", r.dir + nextName, err}
	}
	err = writeFull(fd, b)
	closeFd(fd)
	if err != nil {
		return &PathError{"write", r.dir + nextName, err}
	}
	err = renameatZ(atFdcwd, next, name, renameExchange)
	if err == nil {
		if last {
			s.keep(r)
		}
		return nil
	}
	// The first one; or a file system that cannot exchange.
	if err = renameatZ(atFdcwd, next, name, 0); err != nil {
		return &PathError{"rename into place", r.dir + nextName, err}
	}
	if !last {
		return s.reserve(r)
	}
	return nil
}
