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
	if err := s.readSpec(r); err != nil {
		s.recycle(r)
		return err
	}
	child := -1
	err := s.prepare(r, &child)
	if err == nil {
		err = s.fork(r, child)
	}
	closeFd(child)
	for i := range r.streams {
		s.drop(&r.streams[i].out)
	}
	if err != nil {
		s.undo(r)
		s.recycle(r)
		return err
	}
	s.spawned++
	return nil
}

func checkRunDir(dir string) error {
	if len(dir) > maxDir || len(dir) < 5 || dir[:5] != "runs/" {
		return errors.New("not a run's directory: " + dir)
	}
	return CheckRelative("run's directory", dir)
}

// logSpec is what the shim itself needs to know of a spec.
type logSpec struct {
	uid, gid int
	logdir   string
	file     bool
	console  bool
	limit    int64 // bytes of one file; 0: no rotation
	backups  int
	notify   bool
}

var errHeadDone = errors.New("the head of the spec has been read")

// readSpec reads the head of the run's spec, which WriteSpec puts first; the
// rest, which may be megabytes, is the exec step's.
func (s *shim) readSpec(r *run) error {
	buf := s.specBuf[:]
	n, err := readFileZ(s.path(0, r.dir, "/"+SpecName), buf)
	if err != nil {
		return &PathError{"read", r.dir + "/" + SpecName, err}
	}
	var e ends
	var spec Spec
	err = EachField(buf[:n], func(key, value []byte) error {
		if done, err := e.see(key, value); done || err != nil {
			return err
		}
		if string(key) == "cwd" {
			return errHeadDone
		}
		return spec.set(key, value)
	})
	if err == nil {
		err = e.check()
	}
	if err == errHeadDone {
		spec.Args, spec.Cwd = []string{"-"}, "/" // the exec step checks what is there
		err = spec.Check()
	}
	if err != nil {
		return &PathError{"use", r.dir + "/" + SpecName, err}
	}
	r.piped = spec.Piped()
	r.spec = logSpec{
		uid: spec.UID, gid: spec.GID, logdir: spec.LogDir, backups: spec.Backups, notify: spec.Notify,
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
	if r.piped {
		if err := s.openLogs(r); err != nil {
			return err
		}
	}
	if r.spec.notify {
		s.openNotify(r)
	}
	// It never blocks: the trace of a dying runtime may be longer than it holds,
	// and nobody reads it before its end.
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
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

// fork starts the exec step, puts the status into place, and only then lets it
// go on.
func (s *shim) fork(r *run, child int) error {
	pid, err := s.startStep(r, child)
	if err != nil {
		return errors.New("fork: " + err.Error())
	}
	r.st = Status{State: Forked, Pid: pid, Boot: s.boot, Shim: s.pid, ShimStart: s.start, Exit: -1, Signal: -1}
	st, err := ReadStat(pid)
	r.st.Start = st.Start
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
	_, _ = writeFd(r.hs, []byte{'G'})
	return nil
}

// forker is what ForkExec is called with, kept because a new one each time
// would be a third of a spawn's garbage.
type forker struct {
	argv  [3]string
	files [4]uintptr
	attr  syscall.ProcAttr
}

// startStep forks the exec step.
func (s *shim) startStep(r *run, child int) (pid int, err error) {
	f := &s.forker
	if f.attr.Sys == nil {
		f.attr.Sys = &syscall.SysProcAttr{Setsid: true}
		f.argv = [3]string{"dewar-shim", "exec"}
	}
	f.argv[2] = r.dir
	f.files = [4]uintptr{uintptr(s.null), uintptr(s.null), uintptr(child)}
	f.attr.Files = f.files[:3]
	if r.piped {
		f.files[1], f.files[3] = uintptr(r.streams[0].out), uintptr(r.streams[1].out)
		f.attr.Files = f.files[:4]
	}
	f.attr.Env = s.settings.stepEnv
	if r.notify >= 0 {
		n := len(f.attr.Env)
		f.attr.Env = append(f.attr.Env[:n:n], "NOTIFY_SOCKET="+s.notify.path(r.notifyNo))
	}
	return syscall.ForkExec("/proc/self/exe", f.argv[:], &f.attr)
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

// maxWords bounds what is kept of what a dying exec step says.
const maxWords = 160

// handshake reads what the exec step has said, and notes the end of it: after
// an R that is the execve.
func (s *shim) handshake(r *run) {
	if r.hs < 0 {
		return
	}
	var buf [1024]byte
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
		r.hear(buf[:n])
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

// hear takes one packet. Ours hold a NUL; what the runtime of a dying program
// prints does not.
func (r *run) hear(p []byte) {
	switch {
	case len(p) >= 2 && p[0] == 'R' && p[1] == 0:
		r.said = saidReady
	case len(p) >= 2 && p[0] == 'E' && p[1] == 0:
		r.said = saidError
		r.words = append(r.words[:0], p[2:]...)
	default:
		for _, c := range p {
			if len(r.words) < maxWords {
				if c < ' ' {
					c = ' '
				}
				r.words = append(r.words, c)
			}
		}
	}
}
