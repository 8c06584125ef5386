package machine

import "github.com/dewarhq/dewar/task"

// What comes before a stop signal: the life-cycle calls of a task that ends, and
// the pre_stop of a run that is to be stopped.

type (
	// Calling: a life-cycle call is about to be made.
	Calling struct {
		Step     Step  `json:"step"`
		By       int64 `json:"by"`        // boot time at which its wait ends, if it is waited for
		AnswerBy int64 `json:"answer_by"` // boot time at which its answer is waited for no more; not before By
	}

	// Called: a life-cycle call was answered, or cannot be.
	Called struct {
		Step  Step   `json:"step"`
		Heard bool   `json:"heard,omitempty"` // somebody may act upon it: its wait goes on
		Said  string `json:"said"`            // what came of it, the end of a sentence: "was answered 404"
	}

	// Parted: the life-cycle calls are over; the stop signals come next.
	Parted struct{}

	// PreStopping: the run's pre_stop is about to be done.
	PreStopping struct {
		task.RunID
		Cause Cause `json:"cause"` // of the stop
		By    int64 `json:"by"`    // boot time at which the stop signal comes, whatever became of it
	}

	// PreStopped: the run's pre_stop is over.
	PreStopped struct {
		task.RunID
		Failure string `json:"failure,omitempty"` // a sentence; empty: it was done
	}
)

func (Calling) record() string     { return "calling" }
func (Called) record() string      { return "called" }
func (Parted) record() string      { return "parted" }
func (PreStopping) record() string { return "pre-stopping" }
func (PreStopped) record() string  { return "pre-stopped" }

func (r *Calling) fields(w *wire) {
	text(w, "step", &r.Step)
	w.int64("by", &r.By)
	w.int64("answer_by", &r.AnswerBy)
}

func (r *Called) fields(w *wire) {
	text(w, "step", &r.Step)
	w.optBool("heard", &r.Heard)
	text(w, "said", &r.Said)
}

func (r *Parted) fields(*wire) {}

func (r *PreStopping) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	text(w, "cause", &r.Cause)
	w.int64("by", &r.By)
}

func (r *PreStopped) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	w.optString("failure", &r.Failure)
}

// Step is one of the life-cycle calls.
type Step string

const (
	GracefulShutdown Step = "graceful shutdown" // the first: end what you are doing
	Shutdown         Step = "shutdown"          // the second: end now
)

type (
	// Call makes a life-cycle call. Its answer is a Called.
	Call struct {
		Step     Step
		Port     task.Port
		Endpoint string
		By       int64 // boot time at which it is given up
	}

	// PreStop does a run's pre_stop. Its answer is a PreStopped.
	PreStop struct {
		task.RunID
		By int64 // boot time at which it is given up
	}
)

func (Call) act()    {}
func (PreStop) act() {}

// LifecycleCall is a call that was made, or is being made.
type LifecycleCall struct {
	Calling
	At       Instant `json:"at"`
	Endpoint string  `json:"endpoint,omitempty"`
	Over     bool    `json:"over,omitempty"`  // it was answered, or cannot be
	Heard    bool    `json:"heard,omitempty"` //
	Said     string  `json:"said,omitempty"`  // what came of it, the end of a sentence
}

// until is the boot time at which the next step comes.
func (c *LifecycleCall) until() int64 {
	switch {
	case !c.Over:
		return c.AnswerBy
	case c.Heard:
		return c.By
	}
	return past
}

// Parting is what is known of a run's pre_stop.
type Parting struct {
	Cause   Cause   `json:"cause"` // of the stop
	By      int64   `json:"by"`    // boot time at which the stop signal comes, whatever became of it
	At      Instant `json:"at"`
	Over    bool    `json:"over,omitempty"`
	Failure string  `json:"failure,omitempty"` // a sentence
}
