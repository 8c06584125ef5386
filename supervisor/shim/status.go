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
	MaxRSS    int64  // bytes; never less than what the shim had at the fork
	Tail      string // the end of stderr, of a run that did not end with status 0
	Left      int    // descendants in sessions of their own that live on
	Dropped   int64  // log bytes that could not be written
}

// Append appends the file's contents.
func (s *Status) Append(b []byte) []byte {
	f := fields{b: AppendInt(b, "version", Version)}
	s.fields(&f)
	return AppendInt(f.b, "end", 1)
}

// fields is the table of its keys.
func (s *Status) fields(f *fields) {
	f.text("state", (*string)(&s.State))
	number(f, "pid", &s.Pid)
	number(f, "start", &s.Start)
	f.text("boot", &s.Boot)
	number(f, "shim", &s.Shim)
	number(f, "shim_start", &s.ShimStart)
	number(f, "started_wall", &s.StartedWall)
	number(f, "started_boot", &s.StartedBoot)
	f.flag("ready", &s.Ready)
	f.list("signals", &s.Signals)
	if f.reading || s.State == Ended {
		s.endFields(f)
	}
}

func (s *Status) endFields(f *fields) {
	if f.reading || s.Error != "" {
		f.text("error", &s.Error)
	}
	if f.reading || s.Error == "" && s.Signal >= 0 {
		number(f, "signal", &s.Signal)
		f.flag("core", &s.Core)
	}
	if f.reading || s.Error == "" && s.Signal < 0 {
		number(f, "exit", &s.Exit)
	}
	number(f, "ended_wall", &s.EndedWall)
	number(f, "ended_boot", &s.EndedBoot)
	number(f, "utime_ns", &s.UTime)
	number(f, "stime_ns", &s.STime)
	number(f, "maxrss", &s.MaxRSS)
	number(f, "left", &s.Left)
	number(f, "dropped", &s.Dropped)
	if f.reading || s.Tail != "" {
		f.text("tail", &s.Tail)
	}
}

// DecodeStatus reads a file's contents. The error says what is wrong with it.
func DecodeStatus(b []byte) (Status, error) {
	s := Status{Exit: -1, Signal: -1}
	var e ends
	f := fields{reading: true}
	err := EachField(b, func(key, value []byte) error {
		if done, err := e.see(key, value); done || err != nil {
			return err
		}
		f.key, f.value = key, value
		s.fields(&f)
		return f.err
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
