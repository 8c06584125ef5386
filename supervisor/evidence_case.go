package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dewarhq/dewar/healthcheck/command"
	"github.com/dewarhq/dewar/supervisor/evidence"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// timedOut says that evidence is to be gathered before a kill, and until which
// boot time.
func (b *brain) timedOut(id task.RunID) (reason string, by int64) {
	run, known := b.machine.Run(id)
	if !known || !run.Live() || run.Kill != machine.CauseTimeout || run.Stop == nil { // what it left behind waits for nothing
		return "", 0
	}
	reason = fmt.Sprintf("it did not end within %s of SIG%s (%s), and is killed",
		time.Duration(run.Stop.By-run.Stop.At.Boot).Round(10*time.Millisecond), run.Stop.Signal, run.Stop.Cause)
	return reason, run.Stop.By + int64(evidenceWithin)
}

// sickness is the verdict for which a live run is to be stopped; nil if there is
// none. One about the task as a whole is about each of its runs.
func (b *brain) sickness(id task.RunID) *machine.Sickness {
	run, known := b.machine.Run(id)
	switch sick := b.machine.Sick; {
	case !known || !run.Live():
		return nil
	case run.Sick != nil:
		return run.Sick
	case sick != nil && (sick.Process == "" || sick.Process == id.Process && sick.Run == id.Run):
		return sick
	}
	return nil
}

// sickInquiry gathers evidence of a run if it is to be stopped for health, also
// where a brain has died before it could. The answer is what the beginning of the
// stop is to wait for; nil if nothing.
func (b *brain) sickInquiry(id task.RunID) *inquiry {
	sick, s := b.sickness(id), subject{id, evidence.Health}
	if sick == nil {
		return nil
	}
	b.inquireOfLiving(s, sick.Reason, sick.At.Boot+int64(b.healthWithin(id)))
	return b.inquiries.open[s]
}

// unwellInquiry does so for a task that is unwell as a whole: of the first few of
// its runs.
func (b *brain) unwellInquiry() (first *inquiry) {
	if b.machine.Sick == nil {
		return nil
	}
	for _, id := range b.machine.Live() {
		if len(b.inquiries.open) >= evidenceAtOnce {
			return first
		}
		if i := b.sickInquiry(id); first == nil {
			first = i
		}
	}
	return first
}

// healthWithin is how long a stop for health waits: what comes then has its time
// from its decision on, and half of that is to be left.
func (b *brain) healthWithin(id task.RunID) time.Duration {
	p := b.processes[id.Process]
	within := min(evidenceWithin, time.Duration(p.StopTimeout)/2)
	if p.PreStop != nil {
		within = min(within, time.Duration(p.PreStop.Timeout)/2)
	}
	if b.machine.Sick == nil {
		return within
	}
	if l := b.launch.Task.Lifecycle; l != nil && l.HTTP != nil {
		within = min(within, time.Duration(l.HTTP.GracefulShutdownWait)/2)
	}
	return min(within, time.Duration(b.launch.Task.FinalizationWait)/2)
}

// caseOf is what is known of a run.
func (b *brain) caseOf(s subject, reason string) (evidence.Case, error) {
	u, err := b.user(b.processes[s.Process])
	if err != nil {
		return evidence.Case{}, err
	}
	c := evidence.Case{Dir: b.Dir, Run: s.RunID, Why: s.why, Reason: reason, UID: u.UID, Answers: b.answersOf(s.RunID)}
	run, known := b.machine.Run(s.RunID)
	if known && run.Live() {
		c.Pid, c.Start = run.Pid, uint64(run.Start)
	}
	if b.tree != nil {
		place := b.tree.Place()
		c.Place = &place
	}
	if sick := b.sickness(s.RunID); sick != nil && s.why == evidence.Health {
		c.Capture = b.captureOf(s.RunID, sick)
	}
	return c, nil
}

// answersOf is how the checks of a run, and the task's own, stand; nil if there
// are none.
func (b *brain) answersOf(id task.RunID) []byte {
	var all struct {
		Process []machine.CheckState `json:"process,omitempty"`
		Task    []machine.CheckState `json:"task,omitempty"`
	}
	if run, known := b.machine.Run(id); known {
		all.Process = run.Checks
	}
	if all.Task = b.machine.Checks; len(all.Process)+len(all.Task) == 0 {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		b.log("the answers of checks are not in the evidence: %v", err)
	}
	return text
}

// captureOf runs the capture command of the check that is why a run is stopped;
// nil if it has none.
func (b *brain) captureOf(id task.RunID, sick *machine.Sickness) func(context.Context, io.Writer) error {
	checks := b.processes[id.Process].Checks
	if sick.Process == "" && b.launch.Task.Check != nil {
		checks = []task.Check{*b.launch.Task.Check}
	}
	at := slices.IndexFunc(checks, func(c task.Check) bool { return c.Name == sick.Check })
	if at < 0 || checks[at].Capture == "" {
		return nil
	}
	runner, err := b.commands()
	var place command.Place
	if err == nil {
		place, err = b.placeOf(id)
	}
	return func(ctx context.Context, to io.Writer) error {
		if err != nil {
			return err
		}
		by, _ := ctx.Deadline()
		name := fmt.Sprintf("capture-%d", place.Main)
		r := runner.Run(command.Command{Place: place, Name: name, Shell: checks[at].Capture, Keep: 256 << 10}, by)
		if _, err := to.Write(r.Output); err != nil {
			return err
		}
		return capturedAs(r)
	}
}

// capturedAs is nil if a capture command did what it was to.
func capturedAs(r command.Result) error {
	switch {
	case r.OK():
		return nil
	case r.Late:
		return errors.New("it was killed when its time was over")
	case r.Cut:
		return errors.New("it was killed with all that was being gathered")
	case r.Why != "":
		return errors.New(r.Why)
	case r.Signal != 0:
		return fmt.Errorf("it died of SIG%s", task.SignalName(int(r.Signal)))
	}
	return fmt.Errorf("it exited with status %d", r.Exit)
}

// crashed says how a run died and where its core file is.
func (b *brain) crashed(e machine.Ended) string {
	corpse := evidence.Corpse{Signal: e.Signal, Cwd: b.Dir.Sandbox()}
	if run, known := b.machine.Run(e.RunID); known {
		corpse.Pid = run.Pid
	}
	if u, err := b.user(b.processes[e.Process]); err == nil {
		corpse.UID, corpse.GID = u.UID, u.GID
	}
	return fmt.Sprintf("it died of SIG%s; %s", task.SignalName(e.Signal), evidence.CoreHint(corpse))
}
