package shim

// run is one run that the shim knows: from its spawn until it has been seen.
type run struct {
	dir string // relative to the task's, which is our working directory
	st  Status
	pad int // the longest contents that its status files have had

	hs   int    // our end of the handshake, -1 when it is over
	said said   // what the step has said
	why  string // what it failed of

	piped   bool
	spec    logSpec
	streams [2]stream

	notify   int  // its $NOTIFY_SOCKET, -1 if there is none
	notifyNo int  // which makes its name
	fed      bool // it has said WATCHDOG=1, which is not on record yet

	zombie  bool // the main process has exited; end says how
	end     waitInfo
	killing bool // nothing of it is to live
	rough   bool // what is left of its session has had TERM and its second: KILL
	killAt  int64
	stuck   bool  // its final status could not be written; tried again at killAt
	later   []int // signals that wait until the command runs

	orphans int  // children of ours that are descendants of it
	seen    bool // to be forgotten when nothing of it lives
}

type said uint8

const (
	saidNothing said = iota
	saidReady        // R: execve is next
	saidError        // E: it failed
)

// live reports whether the run has a main process that has not exited.
func (r *run) live() bool { return r.st.State != Ended && !r.zombie }

// newRun makes a run, of a used one if there is one: it is the most of what a
// spawn would leave to the garbage collector.
func (s *shim) newRun(dir string) *run {
	var r *run
	if n := len(s.spare); n > 0 {
		r, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		r = new(run)
	}
	*r = run{dir: dir, hs: -1, notify: -1, killAt: never}
	r.streams[0], r.streams[1] = newStream("stdout"), newStream("stderr")
	return r
}

func (s *shim) recycle(r *run) {
	const most = 64
	if len(s.spare) < most {
		s.spare = append(s.spare, r)
	}
}

// forget removes a run of which nothing lives.
func (s *shim) forget(r *run) {
	s.closeLogs(r)
	delete(s.runs, r.dir)
	for pid, o := range s.orphans {
		if o.run == r {
			s.orphans[pid] = orphan{start: o.start}
		}
	}
	s.recycle(r)
}

// without returns list less r; the order does not matter.
func without(list []*run, r *run) []*run {
	for i, x := range list {
		if x == r {
			last := len(list) - 1
			list[i] = list[last]
			list[last] = nil
			return list[:last]
		}
	}
	return list
}
