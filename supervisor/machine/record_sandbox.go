package machine

import "github.com/dewarhq/dewar/task"

type (
	// ResizeAsked: a person wants other limits for the task, or for one
	// process. What is zero stays as it was.
	ResizeAsked struct {
		Process string         `json:"process,omitempty"` // empty: the task
		Limits  task.Resources `json:"limits"`
		By      string         `json:"by"`
	}

	// PauseAsked and UnpauseAsked: a person wants every process of the task to
	// stand still, and to go on.
	PauseAsked struct {
		By string `json:"by"`
	}
	UnpauseAsked struct {
		By string `json:"by"`
	}

	// OverDisk: sandbox and logs hold more than the task may. It fails the
	// task, unless the task asked to be warned only.
	OverDisk struct {
		Used    int64 `json:"used"`    // bytes
		Allowed int64 `json:"allowed"` // bytes
	}

	// Denied: what the task asked to live in could not be made.
	Denied struct {
		Reason string `json:"reason"`
	}

	// Unkillable: these were killed, and do not die. The task is not over
	// before they have.
	Unkillable struct {
		Processes []Undead `json:"processes"`
	}

	// Thinned: the kernel killed something of a live run for want of memory,
	// and the run went on. What it says counts from the run's beginning.
	Thinned struct {
		task.RunID
		OOM OOM `json:"oom"`
	}
)

func (ResizeAsked) record() string  { return "resize asked" }
func (PauseAsked) record() string   { return "pause asked" }
func (UnpauseAsked) record() string { return "unpause asked" }
func (OverDisk) record() string     { return "over disk" }
func (Denied) record() string       { return "denied" }
func (Unkillable) record() string   { return "unkillable" }
func (Thinned) record() string      { return "thinned" }

// Undead is a process that was killed and lives.
type Undead struct {
	Pid     int    `json:"pid"`
	Command string `json:"command"`
	State   string `json:"state,omitempty"`   // of /proc/<pid>/stat: "D"
	Channel string `json:"channel,omitempty"` // where in the kernel it waits, as /proc/<pid>/wchan has it
}

// OOM says that the kernel killed something of a run for want of memory.
type OOM struct {
	Limit Level `json:"limit"`          // whose limit was hit
	Bytes int64 `json:"bytes"`          // that limit; 0: not known
	Peak  int64 `json:"peak,omitempty"` // the most that the run's group ever held; 0: not known
	Kills int   `json:"kills"`          // processes killed; 0: the victim was another's, and all of the task died with it
}

// Level is whose limit it is that was hit.
type Level string

const (
	LevelProcess Level = "process"
	LevelTask    Level = "task"
	LevelMachine Level = "machine" // or a limit above the task's, such as the agent's
)

func (r *ResizeAsked) fields(w *wire) { w.rest(r) }

func (r *PauseAsked) fields(w *wire)   { text(w, "by", &r.By) }
func (r *UnpauseAsked) fields(w *wire) { text(w, "by", &r.By) }

func (r *OverDisk) fields(w *wire) {
	w.int64("used", &r.Used)
	w.int64("allowed", &r.Allowed)
}

func (r *Denied) fields(w *wire) { text(w, "reason", &r.Reason) }

func (r *Unkillable) fields(w *wire) { w.rest(r) }

func (r *Thinned) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	w.must("oom")
	w.oom(&r.OOM)
}

// optOOM is written where there was one.
func (w *wire) optOOM(name string, v **OOM) {
	if !w.may(name, *v == nil) {
		return
	}
	if w.reading {
		*v = new(OOM)
	}
	w.oom(*v)
}

func (w *wire) oom(v *OOM) {
	if w.bad {
		return
	}
	w.open()
	text(w, "limit", &v.Limit)
	w.int64("bytes", &v.Bytes)
	w.optInt64("peak", &v.Peak)
	w.int("kills", &v.Kills)
	w.close()
}
