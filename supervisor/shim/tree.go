package shim

import "syscall"

// tree walks processes by parentage. It asks /proc/<pid>/task/<tid>/children,
// or, where the kernel was built without it (CONFIG_PROC_CHILDREN), reads the
// parent of every process there is.
type tree struct {
	scan  bool  // no children files here
	table []kin // with scan: every process, as of the last look
	stack []int
	list  []int
	buf   [2048]byte
	names [2048]byte
}

type kin struct{ pid, ppid int }

// probe finds out, once, whether the kernel lists children.
func (t *tree) probe(self int) {
	var space [64]byte
	path := childrenPath(space[:], self, self)
	t.scan = !existsZ(path)
}

// look must be called before the first of several questions about the same
// moment.
func (t *tree) look() error {
	if !t.scan {
		return nil
	}
	t.table = t.table[:0]
	dir, err := openatZ(atFdcwd, []byte("/proc\x00"), syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer closeFd(dir)
	return eachEntry(dir, t.names[:], func(name []byte) {
		pid, ok := decimal(name)
		if !ok {
			return
		}
		if s, err := ReadStat(int(pid)); err == nil {
			t.table = append(t.table, kin{int(pid), s.Ppid})
		}
	})
}

// children appends to dst the children that the thread has forked or, if it is
// the first of its process, has been given.
func (t *tree) children(dst []int, pid, tid int) []int {
	if t.scan {
		if pid == tid {
			for _, k := range t.table {
				if k.ppid == pid {
					dst = append(dst, k.pid)
				}
			}
		}
		return dst
	}
	var space [64]byte
	fd, err := openatZ(atFdcwd, childrenPath(space[:], pid, tid), syscall.O_RDONLY, 0)
	if err != nil { // it is gone, and has no children
		return dst
	}
	defer closeFd(fd)
	n := 0
	for {
		k, err := readFd(fd, t.buf[:])
		if err != nil || k == 0 {
			return dst
		}
		for _, c := range t.buf[:k] {
			if c >= '0' && c <= '9' {
				n = n*10 + int(c-'0')
			} else if n > 0 {
				dst = append(dst, n)
				n = 0
			}
		}
	}
}

// walk calls visit for root and everything below it that lives, each after its
// children have been listed, so that visit may kill.
func (t *tree) walk(root int, visit func(*Stat)) {
	t.stack = append(t.stack[:0], root)
	for len(t.stack) > 0 {
		pid := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		s, err := ReadStat(pid)
		if err != nil || s.Dead() {
			continue
		}
		if s.Threads <= 1 || t.scan {
			t.stack = t.children(t.stack, pid, pid)
		} else {
			t.threads(pid)
		}
		visit(&s)
	}
}

// threads stacks the children of every thread of a process.
func (t *tree) threads(pid int) {
	var space [64]byte
	dir, err := openatZ(atFdcwd, procPath(space[:], pid, "task"), syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer closeFd(dir)
	// It ends early only when the process has gone.
	_ = eachEntry(dir, t.names[:], func(name []byte) {
		if tid, ok := decimal(name); ok {
			t.stack = t.children(t.stack, pid, int(tid))
		}
	})
}

func childrenPath(buf []byte, pid, tid int) []byte {
	return threadPath(buf, pid, tid, "/children\x00")
}
