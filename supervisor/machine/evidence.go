package machine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dewarhq/dewar/task"
)

// Gathered: evidence of a run was gathered, or could not be. It decides nothing.
type Gathered struct {
	task.RunID
	For     string `json:"for"`               // "stop-timeout": what for, and the bundle's name
	Failure string `json:"failure,omitempty"` // a sentence; empty: there is a bundle
}

func (Gathered) record() string { return "gathered" }

func (r *Gathered) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	text(w, "for", &r.For)
	w.optString("failure", &r.Failure)
}

// Evidence is a bundle of evidence of a run, or why there is none.
type Evidence struct {
	For     string  `json:"for"`
	Failure string  `json:"failure,omitempty"`
	At      Instant `json:"at"`
}

// String is a sentence without its subject: "out of memory: the limit of the
// process, 64MB, was hit".
func (o *OOM) String() string { return o.said() }

// keptEvidence is how many bundles of a process are kept: the last ones.
const keptEvidence = 3

func (m *Machine) legalGathered(r Gathered) error {
	if r.For == "" {
		return errors.New("it does not say what for")
	}
	if _, run := m.find(r.RunID); run == nil {
		return fmt.Errorf("there is no run %s", r.RunID)
	}
	return nil
}

// gathered notes a bundle, and forgets those of the process that are too old.
func (m *Machine) gathered(r Gathered) {
	p, run := m.find(r.RunID)
	run.Evidence = slices.DeleteFunc(run.Evidence, func(e Evidence) bool { return e.For == r.For })
	run.Evidence = append(run.Evidence, Evidence{For: r.For, Failure: r.Failure, At: m.at})
	bundles := 0
	for _, run := range slices.Backward(p.history) {
		for i := len(run.Evidence) - 1; i >= 0; i-- {
			if run.Evidence[i].Failure != "" {
				continue
			}
			if bundles++; bundles > keptEvidence {
				run.Evidence = slices.Delete(run.Evidence, i, i+1)
			}
		}
	}
}

// evidence says where a run's bundles are, and why others are missing.
func (w *why) evidence(p *process, run *Run) {
	for _, e := range run.Evidence {
		if e.Failure != "" {
			w.say("evidence of run %d of %s (%s) is missing: %s", run.Run, named(p.def.Name), e.For, e.Failure)
		} else {
			w.say("evidence of run %d of %s (%s) is in the task's directory, in %s", run.Run, named(p.def.Name), e.For, p.id(run).EvidenceDir(e.For))
		}
	}
}

// remaining says of each process that nothing was said of before where the newest
// evidence of it is.
func (w *why) remaining() {
	for i := range w.m.procs {
		p := &w.m.procs[i]
		if w.seen[i] {
			continue
		}
		for _, run := range slices.Backward(p.history) {
			if len(run.Evidence) > 0 {
				w.evidence(p, run)
				break
			}
		}
	}
}
