package shim

import (
	"errors"
	"sync"
	"syscall"
)

// Child is a command that was forked by a caller of his own, with the step that
// runs are forked with. The shim itself has runs instead.
type Child struct {
	Pid int
	hs  int   // our end of the handshake
	st  *step // has the words for what failed
}

// Failure says why a command was not executed.
type Failure struct {
	Sentence string
	Errno    syscall.Errno // 0: it is not known
	Command  bool          // it is about the program itself: the execve has failed
}

func (f *Failure) Error() string { return f.Sentence }
func (f *Failure) Unwrap() error { return f.Errno }

// ChildEnd is how a child ended: by Exit, or, where that is -1, by Signal, or it
// was never executed.
type ChildEnd struct {
	Exit    int
	Signal  syscall.Signal
	Failure *Failure
}

// steps are used again: each has room for a spec.
var steps sync.Pool

// Fork starts what a spec describes as a child of the calling process, in a
// session and in the groups of the spec, with out as stdout and stderr and
// /dev/null as stdin. The spec's logs and notify socket are not looked at.
//
// The kernel kills the child when the thread ends that has forked it: the caller
// has to have locked his goroutine to it (runtime.LockOSThread) until Reap. A
// failed system call is to be found in the error by errors.As.
func Fork(spec *Spec, out int) (*Child, error) {
	s := *spec
	s.Dest, s.Mode, s.LogDir, s.Notify = "none", "standard", "none", false
	st, err := stepFor(&s)
	if err == nil {
		var c *Child
		if c, err = st.start(out); err == nil {
			return c, nil
		}
	}
	st.giveBack()
	return nil, err
}

func stepFor(s *Spec) (*step, error) {
	st, _ := steps.Get().(*step)
	if st == nil {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(rlimitNofile, &limit); err != nil {
			return new(step), errors.New("ask for the limit of open files: " + err.Error())
		}
		fresh := newStep(syscall.Getpid(), limit)
		st = &fresh
	}
	text := s.Append(nil)
	if err := st.room.begin(len(text)); err != nil {
		return st, &PathError{"make room for", "a command", err}
	}
	copy(st.room.take(len(text)), text)
	return st, st.decode(st.room.all[:len(text)])
}

// giveBack lets the step be used again.
func (st *step) giveBack() {
	if st.shim == 0 {
		return
	}
	st.end()
	steps.Put(st)
}

// start forks the child and lets it go on.
func (st *step) start(out int) (*Child, error) {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &PathError{"open", "/dev/null", err}
	}
	defer closeFd(null)
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &PathError{"make", "a pair of sockets", err}
	}
	defer closeFd(pair[1])
	c := &Child{hs: pair[0], st: st}
	if err = c.fork(null, out, pair[1]); err != nil {
		closeFd(pair[0])
		return nil, err
	}
	// An error is that it has died already, which its end will tell.
	_, _ = sendNow(c.hs, []byte{'G'})
	return c, nil
}

func (c *Child) fork(null, out, theirs int) error {
	st := c.st
	defer st.closePlace()
	if err := st.openPlace(); err != nil {
		return err
	}
	err := st.list(&handed{hs: theirs, null: null, out: out, err: out})
	if err != nil {
		return err
	}
	if c.Pid, err = st.fork(theirs, st.place.group); err != nil {
		return &PathError{"fork", "a command", err}
	}
	if err = st.writeOOMAdj(c.Pid); err != nil { // it has executed nothing yet
		_ = syscall.Kill(c.Pid, syscall.SIGKILL)
		_, _ = wait4(c.Pid)
	}
	return err
}

// Await waits until the child has exited. It is not reaped: its pid, and the
// number of its session, stay its own.
func (c *Child) Await() error {
	for {
		_, _, e := syscall.Syscall6(syscall.SYS_WAITID, pPid, uintptr(c.Pid), 0, wExited|wNowait, 0, 0)
		if e != syscall.EINTR {
			return failure(e)
		}
	}
}

// Reap waits until the child has exited, and says how. It is to be called once.
func (c *Child) Reap() (ChildEnd, error) {
	status, err := wait4(c.Pid)
	if err != nil {
		err = &PathError{"wait for", "a command", err}
	}
	end := ChildEnd{Exit: -1, Failure: c.said()}
	switch {
	case end.Failure != nil:
	case status.Exited():
		end.Exit = status.ExitStatus()
	default:
		end.Signal = status.Signal()
	}
	closeFd(c.hs)
	c.st.place.forget()
	c.st.giveBack()
	return end, err
}

// said is nil if the command was executed.
func (c *Child) said() *Failure {
	var buf [16]byte
	ready := false
	for {
		n, err := receiveNow(c.hs, buf[:])
		if err == syscall.ECONNRESET { // it died before it read our word; said once, and before what it wrote
			continue
		}
		if err != nil || n == 0 {
			break
		}
		if index, errno, ok := parseFailure(buf[:n]); ok {
			about := index >= len(c.st.ops) || c.st.ops[index].what == whatCommand
			return &Failure{bounded(c.st.sentence(index, errno)), syscall.Errno(errno), about}
		}
		ready = n == 2 && buf[0] == 'R'
	}
	if ready {
		return nil
	}
	return &Failure{Sentence: "the step between fork and command was killed"}
}

func wait4(pid int) (status syscall.WaitStatus, err error) {
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status, err
		}
	}
}
