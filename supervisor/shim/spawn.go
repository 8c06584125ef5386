package shim

import (
	"errors"
	"syscall"
)

// maxDir bounds the name of a run's directory: "runs/", a process' name of at
// most 200 bytes, a number.
const maxDir = 255

// spawn starts a run. The error is why it could not be started: nothing of it
// exists then. A run that was spawned before is left alone.
func (s *shim) spawn(dir string) error {
	if err := checkRunDir(dir); err != nil {
		return err
	}
	if s.runs[dir] != nil || existsZ(s.path(0, dir, "/"+StatusName)) {
		return nil
	}
	if s.clearing || s.down.phase > 0 {
		return errors.New("the task is being cleared")
	}
	r := s.newRun(dir)
	err := s.readSpec(r)
	if err == nil {
		if err = s.begin(r); err != nil {
			s.undo(r)
		}
	}
	s.step.end()
	if err != nil {
		s.recycle(r)
		return err
	}
	s.spawned++
	return nil
}

// begin makes what the run needs, and forks it.
func (s *shim) begin(r *run) error {
	child := -1
	err := s.prepare(r, &child)
	if err == nil {
		err = s.fork(r, child)
	}
	closeFd(child)
	for i := range r.streams {
		s.drop(&r.streams[i].out)
	}
	return err
}

func checkRunDir(dir string) error {
	if len(dir) > maxDir || len(dir) < 5 || dir[:5] != "runs/" {
		return errors.New("not a run's directory: " + dir)
	}
	return CheckRelative("run's directory", dir)
}

// logSpec is what the shim itself needs to know of a spec.
type logSpec struct {
	uid, gid int // whose the logs are
	logdir   string
	file     bool
	console  bool
	limit    int64 // bytes of one file; 0: no rotation
	backups  int
	notify   bool
}

// readSpec reads the run's spec into the step, and keeps what the shim itself
// needs to know of it.
func (s *shim) readSpec(r *run) error {
	if err := s.step.read(s.path(0, r.dir, "/"+SpecName)); err != nil {
		return err
	}
	spec := &s.step.spec
	r.piped = spec.Piped()
	uid, gid := spec.logOwner()
	r.spec = logSpec{
		uid: uid, gid: gid, logdir: string([]byte(spec.LogDir)), backups: spec.Backups, notify: spec.Notify,
		file:    spec.Dest == "file" || spec.Dest == "both",
		console: spec.Dest == "console" || spec.Dest == "both",
	}
	if spec.Mode == "rotate" {
		r.spec.limit = spec.LogSize
	}
	return nil
}

// prepare makes everything that a run needs before it is forked.
func (s *shim) prepare(r *run, child *int) error {
	if err := s.reserve(r); err != nil {
		return err
	}
	if err := s.openLogs(r); err != nil {
		return err
	}
	if r.spec.notify {
		s.openNotify(r)
	}
	// The step waits in a read of its end; we never wait at ours.
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return errors.New("make a pair of sockets: " + err.Error())
	}
	r.hs, *child = pair[0], pair[1]
	// The end of the handshake is all that is waited for: what was said before
	// it is read then.
	if err := s.watchFd(r.hs, watchHandshake, r, epollRdhup); err != nil {
		return errors.New("watch the handshake: " + err.Error())
	}
	return nil
}

// fork forks the step, puts the status into place, and only then lets it go on.
func (s *shim) fork(r *run, child int) error {
	defer s.step.closePlace()
	if err := s.step.openPlace(); err != nil {
		return err
	}
	if err := s.step.list(s.hand(r, child)); err != nil {
		return err
	}
	pid, err := s.step.fork(child, s.step.place.group)
	if err != nil {
		return errors.New("fork: " + err.Error())
	}
	r.st = Status{State: Forked, Pid: pid, Boot: s.boot, Shim: s.pid, ShimStart: s.start, Exit: -1, Signal: -1}
	st, err := ReadStat(pid)
	r.st.Start = st.Start
	if err == nil {
		err = s.step.writeOOMAdj(pid)
	}
	if err == nil {
		err = s.replaceStatus(r, false)
	}
	if err != nil { // it has executed nothing yet, and the closed handshake ends it
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if _, werr := syscall.Wait4(pid, nil, 0, nil); werr != nil {
			complain("reap a run that could not be recorded: " + werr.Error())
		}
		return err
	}
	s.runs[r.dir], s.mains[pid] = r, r
	// An error is that it has died already, which its end will tell.
	_, _ = sendNow(r.hs, []byte{'G'})
	return nil
}

// hand is what a run is given by us.
func (s *shim) hand(r *run, child int) *handed {
	h := &handed{hs: child, null: s.null, out: r.streams[0].out, err: r.streams[1].out}
	if r.notify >= 0 {
		h.notify = s.notify.path(r.notifyNo)
	}
	return h
}

// undo removes what was made for a run that could not be started.
func (s *shim) undo(r *run) {
	s.drop(&r.hs)
	s.closeNotify(r)
	s.closeLogs(r)
	for _, name := range [...]string{nextName, "/" + StatusName} {
		if err := unlinkatZ(atFdcwd, s.path(0, r.dir, name), 0); err != nil && err != syscall.ENOENT {
			complain((&PathError{"remove", r.dir + name, err}).Error())
		}
	}
}

// handshake reads what the step has said, and notes the end of it: after an R
// that is the execve.
func (s *shim) handshake(r *run) {
	if r.hs < 0 {
		return
	}
	var buf [16]byte
	for {
		n, err := receiveNow(r.hs, buf[:])
		if err == syscall.EAGAIN {
			return
		}
		if err == syscall.ECONNRESET { // it died before it read our word; said once, and before what it wrote
			continue
		}
		if err != nil || n == 0 {
			break
		}
		s.hear(r, buf[:n])
	}
	s.drop(&r.hs)
	if r.said != saidReady {
		return
	}
	r.st.StartedWall, r.st.StartedBoot = WallTime(), BootTime()
	if r.zombie { // its final status will say it all
		return
	}
	r.st.State = Running
	s.writeStatus(r, false)
	s.bell(BellStarted, r)
	s.deliverLater(r)
}

// hear takes one packet.
func (s *shim) hear(r *run, p []byte) {
	if len(p) == 2 && p[0] == 'R' {
		r.said = saidReady
	} else if index, errno, ok := parseFailure(p); ok {
		r.said, r.why = saidError, s.whyNot(r, index, errno)
	}
}

// whyNot is the sentence for a failed step: its list is made once more, and
// looked into.
func (s *shim) whyNot(r *run, index, errno int) string {
	defer s.step.end()
	defer s.step.place.forget()
	err := s.step.read(s.path(0, r.dir, "/"+SpecName))
	if err == nil {
		const any = 10 // the list is the same but for its numbers
		s.step.namePlace()
		err = s.step.list(s.hand(r, any))
	}
	if err != nil {
		return bounded("the step between fork and command failed: " + syscall.Errno(errno).Error() + "; and more cannot be said: " + err.Error())
	}
	return bounded(s.step.sentence(index, errno))
}
