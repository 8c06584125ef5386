package machine

import "github.com/dewarhq/dewar/healthcheck/judge"

// CheckID names a check: one of a process, or with Process empty the task's own.
type CheckID struct {
	Process string `json:"process,omitempty"`
	Check   string `json:"check"`
}

// Answer is what asking a check once came to.
type Answer struct {
	At      Instant       `json:"at"` // when it was there
	Outcome judge.Outcome `json:"outcome"`
	Phase   string        `json:"phase,omitempty"`
	Reason  string        `json:"reason,omitempty"` // a sentence; empty for ok
	Excerpt string        `json:"excerpt,omitempty"`
	Latency int64         `json:"latency"`          // nanoseconds
	Missed  int           `json:"missed,omitempty"` // attempts before this one that were left out, for an earlier one or we were late
}

type (
	// Answered: a check was asked, once or several times, and this is how it
	// stands after the last of its answers. While nothing changes by answers they
	// are gathered, and written some at a time.
	Answered struct {
		CheckID
		Run     int         `json:"run"` // of the process; 0 for the task's check
		State   judge.State `json:"state"`
		Why     string      `json:"why,omitempty"` // it has just become unhealthy: by which rule
		Answers []Answer    `json:"answers"`
	}

	// Snoozed: a person wants no verdict of a check for a while: of one, with
	// Check empty of all of a process, with both empty of all of the task.
	Snoozed struct {
		Process string  `json:"process,omitempty"`
		Check   string  `json:"check,omitempty"`
		Until   Instant `json:"until"`
		By      string  `json:"by"`
		Reason  string  `json:"reason"`
	}

	// Unsnoozed: the snooze of those words, or with both empty every snooze, is
	// over.
	Unsnoozed struct {
		Process string `json:"process,omitempty"`
		Check   string `json:"check,omitempty"`
		By      string `json:"by,omitempty"` // empty: its time was up
	}
)

func (Answered) record() string  { return "answered" }
func (Snoozed) record() string   { return "snoozed" }
func (Unsnoozed) record() string { return "unsnoozed" }

func (r *Answered) fields(w *wire) { w.rest(r) } // one in ten answers

func (r *Snoozed) fields(w *wire) {
	w.optString("process", &r.Process)
	w.optString("check", &r.Check)
	w.instant("until", &r.Until)
	text(w, "by", &r.By)
	text(w, "reason", &r.Reason)
}

func (r *Unsnoozed) fields(w *wire) {
	w.optString("process", &r.Process)
	w.optString("check", &r.Check)
	w.optString("by", &r.By)
}
