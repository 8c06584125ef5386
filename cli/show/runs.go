package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
)

// Runs is everything about the runs that are kept.
func Runs(processes []machine.ProcessState, now machine.Instant) string {
	rows := Table{{"RUN", "STATE", "STARTED", "TOOK", "CPU", "MEMORY", ""}}
	for _, p := range processes {
		for i := range p.History {
			r := &p.History[i]
			began := r.Started
			if began.Wall == 0 {
				began = r.Forked
			}
			cpu, memory := "", ""
			if r.Rusage != (machine.Rusage{}) {
				cpu = Span(time.Duration(r.Rusage.User + r.Rusage.System))
				memory = Size(r.Rusage.MaxRSS)
			}
			rows = append(rows, []string{
				fmt.Sprintf("%s/%d", p.Name, r.Run), string(r.State), time.Unix(0, began.Wall).Format(time.DateTime),
				Span(Took(r, now)), cpu, memory, runNote(r),
			})
		}
	}
	if len(rows) == 1 {
		return ""
	}
	return "\n" + rows.String()
}

// runNote is how a run ended, and who told it to.
func runNote(r *machine.Run) string {
	var parts []string
	if note := endNote(r); note != "" {
		parts = append(parts, note)
	}
	if r.Stop != nil {
		parts = append(parts, fmt.Sprintf("told to stop with %s: %s", r.Stop.Signal, Because(r.Stop.Cause)))
	}
	if r.Kill != "" {
		parts = append(parts, "killed: "+Because(r.Kill))
	}
	for _, s := range r.Signals {
		parts = append(parts, fmt.Sprintf("signal %s, %d times", s.Signal, s.Times))
	}
	return strings.Join(parts, "; ")
}
