package shim

import (
	"syscall"
	"unsafe"
)

// signalRun delivers a signal to all that lives of a run: its main process'
// group at once, then whatever else is below it, in its session, or a stray of
// it. Nobody gets it twice.
func (s *shim) signalRun(r *run, sig syscall.Signal) {
	group := 0
	if r.st.State != Ended { // the main process is not reaped: the number is ours
		group = r.st.Pid
		if r.st.State == Forked { // it may not lead its group yet; only KILL comes so early
			send(group, sig)
		}
		send(-group, sig)
	}
	visit := func(st *Stat) {
		if st.Pgid != group {
			send(st.Pid, sig)
		}
	}
	s.adopt()
	if r.live() {
		s.tree.walk(r.st.Pid, visit)
	}
	for pid, o := range s.orphans {
		s.tree.walk(pid, func(st *Stat) {
			if o.run == r || st.Sid == group {
				visit(st)
			}
		})
	}
}

// signalMain delivers a signal to a run's main process, and says so: it is
// queued. A main process that stands for a command behind walls passes such a
// one on, and none that was sent with kill(2), which all of the run have got.
func (s *shim) signalMain(r *run, sig syscall.Signal) {
	if r.live() {
		queue(r.st.Pid, sig)
		if asksToEnd(sig) {
			queue(r.st.Pid, syscall.SIGCONT)
		}
	}
}

// queue sends a signal as sigqueue(3) does, to whichever thread will take it.
// The only possible errors are those of send.
func queue(pid int, sig syscall.Signal) {
	const siQueue = ^uint32(0) // -1
	info := [32]uint32{0: uint32(sig), 2: siQueue, 4: uint32(syscall.Getpid()), 5: uint32(syscall.Getuid())}
	_, _, _ = syscall.RawSyscall(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(&info)))
}

// request carries out the brain's wish to signal a run: on record first, then
// delivered, or kept until the command runs.
func (s *shim) request(r *run, sig syscall.Signal, group bool) {
	if r.st.State == Ended && r.orphans == 0 {
		return
	}
	if !holds(r.st.Signals, int(sig)) {
		r.st.Signals = append(r.st.Signals, int(sig))
		s.writeStatus(r, false)
	}
	if r.st.State == Forked && sig != syscall.SIGKILL {
		r.later = append(r.later, int(sig)<<1|int(bit(group)))
		return
	}
	s.deliver(r, sig, group)
}

func (s *shim) deliver(r *run, sig syscall.Signal, group bool) {
	if group {
		s.signalRun(r, sig)
	} else {
		s.signalMain(r, sig)
	}
}

// deliverLater delivers what was asked for before the command ran.
func (s *shim) deliverLater(r *run) {
	for _, x := range r.later {
		s.deliver(r, syscall.Signal(x>>1), x&1 == 1)
	}
	r.later = nil
}

// killRun sees to it that nothing of a run lives, its strays included.
func (s *shim) killRun(r *run) {
	r.killing = true
	s.request(r, syscall.SIGKILL, true)
	s.stir = true
}

// clear kills everything of the task, until we have no child but the brain.
func (s *shim) clear() {
	s.clearing = true
	for _, r := range s.mains {
		r.killing = true
		if !holds(r.st.Signals, int(syscall.SIGKILL)) {
			r.st.Signals = append(r.st.Signals, int(syscall.SIGKILL))
			s.writeStatus(r, false)
		}
		send(-r.st.Pid, syscall.SIGKILL)
		if r.live() {
			s.tree.walk(r.st.Pid, func(st *Stat) { send(st.Pid, syscall.SIGKILL) })
		}
	}
	for _, r := range s.leaving {
		r.killing = true
	}
	s.stir = true
}

// clearMore is called after children have gone: it kills the orphans that have
// come up, and says so when there are none.
func (s *shim) clearMore() {
	if len(s.mains) == 0 && len(s.orphans) == 0 {
		s.clearing = false
		s.bell(BellCleared, nil)
		return
	}
	for pid := range s.orphans {
		s.tree.walk(pid, func(st *Stat) { send(st.Pid, syscall.SIGKILL) })
	}
}
