package shim

import (
	"strconv"
	"syscall"
)

// shutdown is the standing wish to end the task, which is the file shutdown,
// and what becomes of it when no brain works: then we end the processes
// ourselves. A brain works that has said hello and, since the wish was made, has
// asked for anything at all: it may then wait out a grace of any length. One
// that has not, for as long as our patience lasts, is replaced once.
type shutdown struct {
	asked       bool
	since       int64 // boot time
	heeded      bool  // the brain has asked for something since
	replaced    bool  // a silent brain has been killed since
	workedUntil int64 // until when a brain has worked, or a replaced one might have
	phase       phase
	killAt      int64
}

type phase uint8

const (
	phaseNone phase = iota
	phaseTerm       // everything has had TERM, and its grace
	phaseKill       // everything is being killed
)

// ordinaryGrace is that of a wish which does not name one.
const ordinaryGrace = int64(60_000_000_000)

// wishToEnd makes a signal to the shim a wish that stands.
func (s *shim) wishToEnd(sig syscall.Signal) {
	b := AppendInt(nil, "version", Version)
	b = AppendField(b, "grace", strconv.FormatInt(ordinaryGrace/1_000_000_000, 10))
	b = AppendField(b, "by", "signal "+strconv.Itoa(int(sig))+" to the shim")
	b = AppendField(b, "reason", "")
	b = AppendInt(b, "wall", WallTime())
	b = AppendInt(b, "end", 1)
	if !existsZ([]byte(ShutdownName + "\x00")) {
		if err := putFile(ShutdownName, b, false); err != nil {
			complain(err.Error())
		}
	}
	now := BootTime()
	if s.down.heeded && s.down.phase == phaseNone { // the brain may have stopped since
		s.down.asked = false
	}
	s.stand(now)
	s.bell(BellShutdown, nil)
	if s.brain.pid == 0 && !s.brain.ending {
		s.brain.startAt = now
	}
}

func (s *shim) stand(now int64) {
	if !s.down.asked {
		s.down.asked, s.down.since = true, now
		s.down.heeded, s.down.replaced = false, false
	}
}

// lookForShutdown notices a wish that was put there without a signal.
func (s *shim) lookForShutdown(now int64) {
	if existsZ([]byte(ShutdownName + "\x00")) {
		s.stand(now)
	}
}

// shutdownDeadline is when there is something to do about it.
func (s *shim) shutdownDeadline() int64 {
	d := &s.down
	switch {
	case !d.asked || s.brain.ending || d.phase == phaseKill:
		return never
	case d.phase == phaseTerm:
		return d.killAt
	case s.conn.works && d.heeded:
		return never
	}
	return max(d.since, d.workedUntil) + s.settings.patience
}

func (s *shim) expireShutdown(now int64) {
	if now < s.shutdownDeadline() {
		return
	}
	d := &s.down
	if d.phase == phaseTerm {
		d.phase = phaseKill
		s.clear()
		return
	}
	if s.brain.pid != 0 && !d.replaced {
		s.replaceBrain(now)
		return
	}
	complain("no brain works and the task is to end: ending its processes")
	d.phase, d.killAt = phaseTerm, now+readGrace()
	for _, r := range s.runs {
		s.request(r, syscall.SIGTERM, true)
	}
	s.adopt()
	for pid, o := range s.orphans {
		if o.run == nil {
			s.tree.walk(pid, func(st *Stat) { send(st.Pid, syscall.SIGTERM) })
		}
	}
	s.stir = true
}

// replaceBrain kills a brain that does not answer; its end starts another.
func (s *shim) replaceBrain(now int64) {
	complain("the brain does not answer and the task is to end: killing the brain")
	s.hangUp()
	s.down.replaced, s.down.workedUntil = true, now
	_ = syscall.Kill(s.brain.pid, syscall.SIGKILL) // ESRCH cannot be: it is not reaped
}

// shutdownDone ends us when a shutdown of our own has left nothing alive.
func (s *shim) shutdownDone() {
	if s.down.phase == phaseNone || len(s.mains) > 0 {
		return
	}
	s.adopt()
	if len(s.orphans) > 0 {
		return
	}
	if s.brain.pid != 0 {
		_ = syscall.Kill(s.brain.pid, syscall.SIGKILL) // ESRCH cannot be: it is not reaped
	}
	s.done = true
}

// readGrace is the grace that the file shutdown names.
func readGrace() int64 {
	var buf [4096]byte
	n, err := readFile(ShutdownName, buf[:])
	if err != nil {
		return ordinaryGrace
	}
	grace := ordinaryGrace
	// What is unreadable after the grace does not matter here.
	_ = EachField(buf[:n], func(key, value []byte) error {
		if string(key) == "grace" {
			if f, err := strconv.ParseFloat(string(value), 64); err == nil && f >= 0 && f < 1e9 {
				grace = int64(f * 1e9)
			}
		}
		return nil
	})
	return grace
}
