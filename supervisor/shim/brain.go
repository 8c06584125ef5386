package shim

import (
	"errors"
	"syscall"
)

// brain is the program that we keep: when it ends, another is started, sooner
// or later.
type brain struct {
	argv    []string
	env     []string
	pid     int   // 0 while there is none
	started int64 // boot time
	startAt int64 // when the next is due; never while one runs
	deaths  int   // in a row, of brains that lived too briefly
	failing bool  // the file brain-failing is there
	clearAt int64 // when it is to be removed: the brain works
	ending  bool  // the brain has asked us to end when it has
}

const (
	longEnough    = int64(60_000_000_000) // a life after which a brain's death is its first
	brainLogLimit = 1 << 20
	failingTail   = 2048
)

func (b *brain) deadline() int64 { return min(b.startAt, b.clearAt) }

// works notes a hello.
func (b *brain) works(now, enough int64) {
	if b.failing {
		b.clearAt = now + enough
	}
}

func (s *shim) expireBrain(now int64) {
	if now >= s.brain.startAt {
		s.startBrain(now)
	}
	if now >= s.brain.clearAt {
		s.clearFailing()
	}
}

func (s *shim) startBrain(now int64) {
	b := &s.brain
	b.startAt, b.started = never, now
	err := s.execBrain()
	if err != nil {
		complain(err.Error())
		s.brainFailed(now, waitInfo{}, err)
	}
}

func (s *shim) execBrain() error {
	b := &s.brain
	log, err := openBrainLog()
	if err != nil { // a full disk must not cost the brain
		complain(err.Error())
		log = s.null
	} else {
		defer closeFd(log)
	}
	b.pid, err = syscall.ForkExec(b.argv[0], b.argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   b.env,
		Files: []uintptr{uintptr(s.null), uintptr(log), uintptr(log)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		b.pid = 0
		return errors.New("start the brain " + b.argv[0] + ": " + err.Error())
	}
	return nil
}

// openBrainLog opens what the brain's stderr goes to; a large one is put aside
// first.
func openBrainLog() (int, error) {
	name := []byte(BrainLogName + "\x00")
	var st syscall.Stat_t
	if err := syscall.Lstat(BrainLogName, &st); err == nil && st.Size > brainLogLimit {
		if err := renameatZ(atFdcwd, name, []byte(BrainLogName+".1\x00"), 0); err != nil {
			return -1, &PathError{"put aside", BrainLogName, err}
		}
	}
	fd, err := openatZ(atFdcwd, name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return -1, &PathError{"open", BrainLogName, err}
	}
	return fd, nil
}

// brainExited is called when the brain has been reaped.
func (s *shim) brainExited(w waitInfo) {
	s.brain.pid = 0
	if s.brain.ending {
		s.clearFailing()
		s.done = true
		return
	}
	s.brainFailed(BootTime(), w, nil)
}

// brainFailed arranges for the next brain: at once after the first death, then
// later and later.
func (s *shim) brainFailed(now int64, w waitInfo, err error) {
	b := &s.brain
	b.clearAt = never
	if now-b.started >= longEnough {
		b.deaths = 0
	}
	delays := s.settings.retry
	delay := delays[min(b.deaths, len(delays)-1)]
	b.deaths++
	b.startAt = now + delay
	if delay > 0 {
		s.writeFailing(w, err, delay)
	}
	s.lookForShutdown(now)
}

// writeFailing tells whoever reads the task's directory why no brain works.
func (s *shim) writeFailing(w waitInfo, err error, delay int64) {
	wall := WallTime()
	b := AppendInt(nil, "version", Version)
	switch {
	case err != nil:
		b = AppendField(b, "error", err.Error())
	case w.code == cldExited:
		b = AppendInt(b, "exit", int64(w.status))
	default:
		b = AppendInt(b, "signal", int64(w.status))
	}
	b = AppendInt(b, "wall", wall)
	b = AppendInt(b, "count", int64(s.brain.deaths))
	b = AppendInt(b, "next", wall+delay)
	b = AppendField(b, "stderr", brainLogTail())
	b = AppendInt(b, "end", 1)
	s.brain.failing = true
	if err := putFile(FailingName, b, true); err != nil {
		complain(err.Error())
	}
}

func brainLogTail() string {
	fd, err := openatZ(atFdcwd, []byte(BrainLogName+"\x00"), syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer closeFd(fd)
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return ""
	}
	var buf [failingTail]byte
	n, err := syscall.Pread(fd, buf[:], max(0, st.Size-failingTail))
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

func (s *shim) clearFailing() {
	s.brain.clearAt = never
	if !s.brain.failing {
		return
	}
	s.brain.failing = false
	if err := syscall.Unlink(FailingName); err != nil && err != syscall.ENOENT {
		complain((&PathError{"remove", FailingName, err}).Error())
	}
}

// putFile writes a file of the task's directory by way of another that is
// renamed; unless replace, one that is there stays.
func putFile(name string, b []byte, replace bool) error {
	next := []byte(name + ".next\x00")
	fd, err := openatZ(atFdcwd, next, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return &PathError{"make", name + ".next", err}
	}
	err = writeFull(fd, b)
	closeFd(fd)
	if err != nil {
		return &PathError{"write", name + ".next", err}
	}
	z := []byte(name + "\x00")
	if !replace && existsZ(z) {
		return unlinkatZ(atFdcwd, next, 0)
	}
	if err := renameatZ(atFdcwd, next, z, 0); err != nil {
		return &PathError{"rename into place", name, err}
	}
	return nil
}
