package shim

import "syscall"

// rotate moves the full log to name.1, that to name.2 and so on, and begins a
// new one. Whatever stands in the way was planted and is replaced; only a
// directory that is not empty cannot be, and then the full log is given up: it
// must not grow beyond its limit.
func (st *stream) rotate(r *run) {
	closeFd(st.file)
	st.file = -1
	last := r.spec.backups
	from, to := make([]byte, 0, 32), make([]byte, 0, 32)
	for n := last; n > 0; n-- {
		from, to = st.numbered(from, n-1), st.numbered(to, n)
		err := renameatZ(st.dir, from, to, 0)
		if err == syscall.EISDIR || err == syscall.ENOTEMPTY || err == syscall.ENOTDIR {
			if unlinkatZ(st.dir, to, atRemovedir) == nil {
				err = renameatZ(st.dir, from, to, 0)
			}
		}
		if err != nil && err != syscall.ENOENT && n == 1 {
			st.giveUp(err)
		}
	}
	if last == 0 {
		if err := unlinkatZ(st.dir, st.numbered(from, 0), 0); err != nil && err != syscall.ENOENT {
			st.lose(0, err)
		}
	}
	// A failure is tried again with the next bytes.
	_ = st.reopen(r)
}

// giveUp drops the full log, which could not be moved away.
func (st *stream) giveUp(why error) {
	st.lose(int(st.size), why)
	var space [32]byte
	if err := unlinkatZ(st.dir, st.numbered(space[:0], 0), 0); err != nil && err != syscall.ENOENT {
		st.why = err
	}
}

// numbered is the NUL-terminated name of the n-th last log.
func (st *stream) numbered(buf []byte, n int) []byte {
	buf = append(buf[:0], st.name...)
	if n > 0 {
		buf = append(buf, '.')
		buf = appendDecimal(buf, n)
	}
	return append(buf, 0)
}

// reopen begins a new log file.
func (st *stream) reopen(r *run) error {
	fd, err := newLog(st.dir, r.spec.logdir, st.name, r.spec.uid, r.spec.gid)
	if err != nil {
		return err
	}
	st.file, st.size = fd, 0
	return nil
}
