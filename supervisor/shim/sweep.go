package shim

import (
	"syscall"
)

// orphan is a child that we did not fork: a descendant of a run whose parent
// has died. We are the subreaper, so everything of the task is below us.
type orphan struct {
	start  uint64
	run    *run // nil: only the task is known
	fading bool // it was found while it was exiting, and can no longer be asked whose it is
}

// graceOfSession is what remains of a session after TERM when its main process
// has exited, before KILL.
const graceOfSession = int64(1_000_000_000)

// adopt takes up the children that we have been given since it was last called.
func (s *shim) adopt() {
	if !s.lookAtChildren() {
		return
	}
	for _, pid := range s.tree.list {
		if _, known := s.orphans[pid]; known || s.mains[pid] != nil || pid == s.brain.pid {
			continue
		}
		st, err := ReadStat(pid)
		if err != nil || st.Dead() {
			continue
		}
		r, fading := s.ownerOf(&st)
		if r != nil {
			r.orphans++
		}
		if fading {
			s.fading++
		}
		s.orphans[pid] = orphan{st.Start, r, fading}
	}
}

// ownerOf finds the run of an orphan: by its session, or by the environment
// that the run's main process was given. One that is exiting has none to show,
// and still holds its files and ports: it may be any run's until it is gone.
func (s *shim) ownerOf(st *Stat) (r *run, fading bool) {
	if r := s.mains[st.Sid]; r != nil {
		return r, false
	}
	var space [512]byte
	dir, state := runOfEnviron(st.Pid, space[:0], s.specBuf[:])
	if dir == nil {
		return nil, state == envGone
	}
	return s.runs[string(dir)], false
}

// sweep looks at the session of a run whose main process has exited: empty, and
// the run is finished; otherwise what is in it gets TERM, and one second later
// KILL, until it is empty. The zombie keeps the session's number ours. Adopt
// comes first.
func (s *shim) sweep(r *run) {
	sig := syscall.Signal(0)
	switch {
	case r.killing || r.rough:
		sig = syscall.SIGKILL
	case r.killAt == never:
		sig = syscall.SIGTERM
	}
	left := 0
	for pid := range s.orphans {
		s.tree.walk(pid, func(st *Stat) {
			if st.Sid != r.st.Pid {
				return
			}
			left++
			send(st.Pid, sig)
			s.nudge(st.Pid)
		})
	}
	switch {
	case left == 0:
		s.finish(r)
	case sig == syscall.SIGTERM:
		r.killAt = BootTime() + graceOfSession
	}
}

// send delivers a signal to a process that has just been seen, or with a
// negative number to a group. A signal that asks to end is followed by CONT,
// without which one that is stopped, or about to be, would never hear it.
func send(pid int, sig syscall.Signal) {
	if sig == 0 {
		return
	}
	// The only possible errors: it has gone, or (as an ordinary user) it has
	// become another user's, whom we may not signal.
	_ = syscall.Kill(pid, sig)
	if asksToEnd(sig) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

func asksToEnd(sig syscall.Signal) bool {
	return sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGHUP || sig == syscall.SIGQUIT
}

// nudge makes the death of a process wake us that is not a child of ours and
// whose parent may live on. Without pidfds (before kernel 5.3) its end is
// noticed at the next end of a child.
func (s *shim) nudge(pid int) {
	if _, ours := s.orphans[pid]; ours {
		return
	}
	if _, known := s.nudges[pid]; known {
		return
	}
	fd, err := call(sysPidfdOpen, uintptr(pid), 0, 0)
	if err != nil {
		return
	}
	if s.watchFd(fd, watchNudge, nil, epollIn) != nil {
		closeFd(fd)
		return
	}
	s.nudges[pid] = fd
}

func (s *shim) nudged(fd int) {
	for pid, x := range s.nudges {
		if x == fd {
			delete(s.nudges, pid)
			break
		}
	}
	s.drop(&fd)
	s.stir = true
}

// sweepFrom sweeps the runs from the i-th on; those that are finished leave the
// list.
func (s *shim) sweepFrom(i int) {
	for i < len(s.sweeping) {
		r := s.sweeping[i]
		s.sweep(r)
		if i < len(s.sweeping) && s.sweeping[i] == r {
			i++
		}
	}
}

// lookAgain is called after children have gone.
func (s *shim) lookAgain() {
	if len(s.sweeping) > 0 || len(s.leaving) > 0 || s.clearing {
		s.adopt()
	}
	s.sweepFrom(0)
	for i := 0; i < len(s.leaving); {
		r := s.leaving[i]
		if r.orphans+s.fading == 0 {
			s.emptied(r)
			continue
		}
		if r.killing {
			s.signalStrays(r, syscall.SIGKILL)
		}
		i++
	}
	if s.clearing {
		s.clearMore()
	}
	s.shutdownDone()
}

// emptied: the descendants that an ended run had left behind are gone.
func (s *shim) emptied(r *run) {
	s.leaving = without(s.leaving, r)
	r.st.Left = 0
	s.closeLogs(r)
	s.writeStatus(r, true)
	s.bell(BellEmptied, r)
	if r.seen {
		s.forget(r)
	}
}

// countStrays counts the descendants of a run that live in sessions of their
// own, and those that may be.
func (s *shim) countStrays(r *run) int {
	n := s.fading
	for pid, o := range s.orphans {
		if o.run == r {
			s.tree.walk(pid, func(*Stat) { n++ })
		}
	}
	return n
}

// signalStrays signals the orphans of a run and everything below them.
func (s *shim) signalStrays(r *run, sig syscall.Signal) {
	for pid, o := range s.orphans {
		if o.run == r {
			s.tree.walk(pid, func(st *Stat) { send(st.Pid, sig) })
		}
	}
}
