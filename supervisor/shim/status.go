package shim

import "errors"

// State is where a run is.
type State string

const (
	Forked  State = "forked"  // its process exists, its command is not yet executed
	Running State = "running" // its command was executed
	Ended   State = "ended"   // it is over: it has an exit status, a signal, or an error
)

// MaxTail is how much of the end of stderr a final status keeps, in bytes.
const MaxTail = 4096

// Status is what the shim knows of a run: the file status in the run's
// directory. Times are nanoseconds.
type Status struct {
	State State

	Pid   int    // of the main process, which leads a session of its own
	Start uint64 // its start time as in /proc/<pid>/stat, in clock ticks since boot: with Boot it makes Pid unique
	Boot  string // the machine's boot id

	Shim      int    // pid of the shim that started it
	ShimStart uint64 // that one's start time

	StartedWall int64 // when the command was executed; 0 before that
	StartedBoot int64
	Ready       bool  // READY=1 came on $NOTIFY_SOCKET
	Signals     []int // that were asked for by the brain, in order, recorded before they were delivered

	// Of an Ended run exactly one of these says how. Exit and Signal are -1
	// where they do not apply.
	Exit   int
	Signal int
	Error  string // it could not be started; a sentence
	Core   bool   // the signal left a core file

	EndedWall int64
	EndedBoot int64
	UTime     int64  // user time of the run and its waited-for children
	STime     int64  // system time of these
	MaxRSS    int64  // bytes; never less than the exec step's own, about 5 MB
	Tail      string // the end of stderr, of a run that did not end with status 0
	Left      int    // descendants in sessions of their own that live on
	Dropped   int64  // log bytes that could not be written
}

// Append appends the file's contents.
func (s *Status) Append(b []byte) []byte {
	b = AppendInt(b, "version", Version)
	b = AppendField(b, "state", string(s.State))
	b = AppendInt(b, "pid", int64(s.Pid))
	b = AppendInt(b, "start", int64(s.Start))
	b = AppendField(b, "boot", s.Boot)
	b = AppendInt(b, "shim", int64(s.Shim))
	b = AppendInt(b, "shim_start", int64(s.ShimStart))
	b = AppendInt(b, "started_wall", s.StartedWall)
	b = AppendInt(b, "started_boot", s.StartedBoot)
	b = AppendInt(b, "ready", bit(s.Ready))
	b = appendInts(b, "signals", s.Signals)
	if s.State == Ended {
		b = s.appendEnd(b)
	}
	return AppendInt(b, "end", 1)
}

func (s *Status) appendEnd(b []byte) []byte {
	switch {
	case s.Error != "":
		b = AppendField(b, "error", s.Error)
	case s.Signal >= 0:
		b = AppendInt(b, "signal", int64(s.Signal))
		b = AppendInt(b, "core", bit(s.Core))
	default:
		b = AppendInt(b, "exit", int64(s.Exit))
	}
	b = AppendInt(b, "ended_wall", s.EndedWall)
	b = AppendInt(b, "ended_boot", s.EndedBoot)
	b = AppendInt(b, "utime_ns", s.UTime)
	b = AppendInt(b, "stime_ns", s.STime)
	b = AppendInt(b, "maxrss", s.MaxRSS)
	b = AppendInt(b, "left", int64(s.Left))
	b = AppendInt(b, "dropped", s.Dropped)
	if s.Tail != "" {
		b = AppendField(b, "tail", s.Tail)
	}
	return b
}

// DecodeStatus reads a file's contents. The error says what is wrong with it.
func DecodeStatus(b []byte) (Status, error) {
	s := Status{Exit: -1, Signal: -1}
	var e ends
	err := EachField(b, func(key, value []byte) error {
		if done, err := e.see(key, value); done || err != nil {
			return err
		}
		return s.set(key, value)
	})
	if err == nil {
		err = e.check()
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Status{}, err
	}
	return s, nil
}

// set stores one field; unknown ones are skipped.
func (s *Status) set(key, value []byte) error {
	var err error
	switch string(key) {
	case "state":
		s.State = State(value)
	case "boot":
		s.Boot = string(value)
	case "signals":
		s.Signals, err = ints(key, value)
	case "error":
		s.Error = string(value)
	case "tail":
		s.Tail = string(value)
	default:
		err = s.setNumber(key, value)
	}
	return err
}

func (s *Status) setNumber(key, value []byte) error {
	var to *int64
	var n int64
	switch string(key) {
	case "started_wall":
		to = &s.StartedWall
	case "started_boot":
		to = &s.StartedBoot
	case "ended_wall":
		to = &s.EndedWall
	case "ended_boot":
		to = &s.EndedBoot
	case "utime_ns":
		to = &s.UTime
	case "stime_ns":
		to = &s.STime
	case "maxrss":
		to = &s.MaxRSS
	case "dropped":
		to = &s.Dropped
	case "pid", "start", "shim", "shim_start", "ready", "exit", "signal", "core", "left":
		to = &n
	default:
		return nil
	}
	v, err := number(key, value)
	if err != nil {
		return err
	}
	*to = v
	if to == &n {
		s.setInt(string(key), n)
	}
	return nil
}

func (s *Status) setInt(key string, n int64) {
	switch key {
	case "pid":
		s.Pid = int(n)
	case "start":
		s.Start = uint64(n)
	case "shim":
		s.Shim = int(n)
	case "shim_start":
		s.ShimStart = uint64(n)
	case "ready":
		s.Ready = n != 0
	case "exit":
		s.Exit = int(n)
	case "signal":
		s.Signal = int(n)
	case "core":
		s.Core = n != 0
	case "left":
		s.Left = int(n)
	}
}

// check reports what a status must not lack.
func (s *Status) check() error {
	switch s.State {
	case Forked, Running:
		if s.Pid <= 0 || s.Boot == "" {
			return errors.New("it says " + string(s.State) + " but not which process that is")
		}
	case Ended:
		if s.Exit < 0 && s.Signal < 0 && s.Error == "" {
			return errors.New("it says ended but not how")
		}
	default:
		return errors.New("it has no known state")
	}
	return nil
}
