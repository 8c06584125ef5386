package shim

import (
	"errors"
	"syscall"
	"unsafe"
)

// waitInfo is how a child ended.
type waitInfo struct {
	pid    int
	code   int32 // cldExited …
	status int32 // exit status or signal
	usage  syscall.Rusage
}

const (
	cldExited = 1
	cldDumped = 3
)

// siginfo is the kernel's siginfo_t as waitid fills it in, on 64 bits.
type siginfo struct {
	signo, errno, code, _ int32
	pid, uid              int32
	status                int32
	_                     [100]byte
}

// waitid asks about one child, or with pAll about any. ok is false when there
// is none that has exited.
func waitid(which, pid, options int) (w waitInfo, ok bool) {
	var info siginfo
	_, _, e := syscall.RawSyscall6(syscall.SYS_WAITID, uintptr(which), uintptr(pid), uintptr(unsafe.Pointer(&info)),
		uintptr(options|wExited|wNohang), uintptr(unsafe.Pointer(&w.usage)), 0)
	if e != 0 || info.pid == 0 { // ECHILD: there is no child at all
		return w, false
	}
	w.pid, w.code, w.status = int(info.pid), info.code, info.status
	return w, true
}

// few is how many main processes make it cheaper to ask for any child that has
// exited, one after the other, than to ask each.
const few = 64

// reap handles every child that has exited. A main process stays a zombie
// until its end is on record: the zombie is our memory, and pins the pid.
func (s *shim) reap() {
	for s.held == 0 && len(s.mains) <= few {
		w, ok := waitid(pAll, 0, wNowait)
		if !ok {
			return
		}
		if r := s.exited(w); r != nil {
			s.adopt()
			s.sweep(r)
		}
	}
	// The zombies that we keep hide those behind them; and of many ends we
	// want to look at what they leave behind only once.
	if !s.lookAtChildren() {
		return
	}
	at := len(s.sweeping)
	for _, pid := range s.tree.list {
		if r := s.mains[pid]; r != nil && r.zombie {
			continue
		}
		if w, ok := waitid(pPid, pid, wNowait); ok {
			s.exited(w)
		}
	}
	s.adopt()
	s.sweepFrom(at)
}

// lookAtChildren puts our children into tree.list.
func (s *shim) lookAtChildren() bool {
	if err := s.tree.look(); err != nil {
		complain("read /proc: " + err.Error())
		return false
	}
	s.tree.list = s.tree.children(s.tree.list[:0], s.pid, s.tid)
	return true
}

// exited notes the end of one child. If it is a run's main process, the run is
// to be swept, and returned.
func (s *shim) exited(w waitInfo) *run {
	r := s.mains[w.pid]
	switch {
	case r != nil:
		r.zombie, r.end = true, w
		s.held++
		s.handshake(r)
		s.sweeping = append(s.sweeping, r)
		r.killAt = never
	case w.pid == s.brain.pid:
		s.release(w.pid)
		s.brainExited(w)
	default:
		s.stir = true
		s.release(w.pid)
		if o, ok := s.orphans[w.pid]; ok {
			delete(s.orphans, w.pid)
			if o.run != nil {
				o.run.orphans--
			}
			if o.fading {
				s.fading--
			}
		}
	}
	return r
}

// release reaps a zombie.
func (s *shim) release(pid int) {
	if _, ok := waitid(pPid, pid, 0); !ok {
		panic("a zombie of ours was reaped by somebody else")
	}
}

// finish ends a run of whose session nothing is left: the final status into
// place, then reap, then tell. While the file system fails us the zombie stays,
// and with it what it knows; only a run whose directory has been removed has no
// place to be recorded.
func (s *shim) finish(r *run) {
	s.drainLogs(r)
	s.drainNotify(r)
	left := s.countStrays(r)
	s.endStatus(r, left)
	err := s.replaceStatus(r, left == 0)
	if err != nil && !r.stuck {
		complain(err.Error())
	}
	if r.stuck = err != nil && !errors.Is(err, syscall.ENOENT); r.stuck {
		r.killAt = BootTime() + graceOfSession
		return
	}
	s.sweeping = without(s.sweeping, r)
	s.release(r.st.Pid)
	delete(s.mains, r.st.Pid)
	s.held--
	s.stir = true
	if left > 0 {
		s.leaving = append(s.leaving, r)
	} else {
		s.closeLogs(r)
	}
	s.bell(BellEnded, r)
}

// endStatus fills in how the run ended.
func (s *shim) endStatus(r *run, left int) {
	st, w := &r.st, &r.end
	st.State = Ended
	st.Exit, st.Signal, st.Error = -1, -1, ""
	switch {
	case r.said == saidError:
		st.Error = r.why
	case r.said == saidNothing && !(w.code != cldExited && holds(st.Signals, int(w.status))):
		st.Error = stepDied(w)
	case w.code == cldExited:
		st.Exit = int(w.status)
	default:
		st.Signal, st.Core = int(w.status), w.code == cldDumped
	}
	st.EndedWall, st.EndedBoot = WallTime(), BootTime()
	st.UTime, st.STime = w.usage.Utime.Nano(), w.usage.Stime.Nano()
	st.MaxRSS = w.usage.Maxrss << 10
	st.Left = left
	if st.Exit != 0 {
		st.Tail = s.tailOf(r)
	}
	st.Dropped = r.streams[0].dropped + r.streams[1].dropped
}

// stepDied is the sentence for a step that ended without a word: its exit
// status is never taken for the command's.
func stepDied(w *waitInfo) string {
	how := " was killed by signal "
	if w.code == cldExited {
		how = " ended with status "
	}
	return "the step between fork and command" + how + decimalString(int(w.status))
}

func holds(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}
