package shim

import (
	"errors"
	"strconv"
	"syscall"
)

// answer carries out one request and answers it.
func (s *shim) answer(body []byte) {
	name, rest := CutField(body)
	a, rest := CutField(rest)
	b, rest := CutField(rest)
	d, _ := CutField(rest)
	var err error
	switch string(name) {
	case AskList:
		s.list()
		return
	case AskHello:
		err = s.hello()
	case AskSpawn:
		err = s.spawn(string(a))
	case AskSignal:
		err = s.askedSignal(a, b, d)
	case AskKill:
		err = s.askedKill(a)
	case AskClear:
		s.clear()
	case AskSeen:
		err = s.askedSeen(a)
	case AskEnd:
		err = s.askedEnd()
	default:
		err = errors.New("there is no such request")
	}
	if err != nil {
		s.conn.say(SayNo, bounded(err.Error()))
		return
	}
	s.conn.say(SayOK)
}

// bounded cuts a sentence that quotes something long: it has to fit into a
// frame, and into a status.
func bounded(sentence string) string {
	const most = 1000
	return sentence[:min(len(sentence), most)]
}

// known finds the run that a request names.
func (s *shim) known(dir []byte) (*run, error) {
	if dir == nil {
		return nil, errFields
	}
	r := s.runs[string(dir)]
	if r == nil {
		return nil, errors.New("no run of that name is known here")
	}
	return r, nil
}

func (s *shim) hello() error {
	s.conn.works = true
	s.brain.works(BootTime(), s.settings.worked)
	return nil
}

func (s *shim) askedSignal(dir, number, to []byte) error {
	r, err := s.known(dir)
	if err != nil {
		return err
	}
	n, ok := decimal(number)
	if !ok || n == 0 || n > 64 {
		return errors.New("not a signal's number: " + strconv.Quote(string(number)))
	}
	switch string(to) {
	case "group":
		s.request(r, syscall.Signal(n), true)
	case "main":
		s.request(r, syscall.Signal(n), false)
	default:
		return errors.New("a signal goes to group or main, not to " + strconv.Quote(string(to)))
	}
	return nil
}

func (s *shim) askedKill(dir []byte) error {
	r, err := s.known(dir)
	if err == nil {
		s.killRun(r)
	}
	return err
}

// askedSeen: a run with descendants that live on is forgotten when they have
// gone.
func (s *shim) askedSeen(dir []byte) error {
	if dir == nil {
		return errFields
	}
	r := s.runs[string(dir)]
	if r == nil {
		return nil
	}
	if r.st.State != Ended {
		return errors.New("it has not ended")
	}
	r.seen = true
	if !has(s.leaving, r) {
		s.forget(r)
	}
	return nil
}

func (s *shim) askedEnd() error {
	s.adopt()
	if n := len(s.mains) + len(s.orphans); n > 0 {
		return errors.New(strconv.Itoa(n) + " processes of the task still live")
	}
	s.brain.ending, s.brain.startAt = true, never
	return nil
}

func has(list []*run, r *run) bool {
	for _, x := range list {
		if x == r {
			return true
		}
	}
	return false
}
