package show

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// Status is one task as `dewar status --json` prints it. Its field names are
// stable; what is unknown is absent.
type Status struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name,omitempty"`
	Directory  string                 `json:"directory"`
	State      machine.TaskState      `json:"state,omitempty"`
	Reason     string                 `json:"reason,omitempty"`
	Since      time.Time              `json:"since,omitzero"`    // when it came into State
	Launched   time.Time              `json:"launched,omitzero"` //
	Owner      string                 `json:"owner,omitempty"`
	User       string                 `json:"user,omitempty"`
	File       string                 `json:"file,omitempty"`
	Ports      map[string]int         `json:"ports,omitempty"`
	Shim       int                    `json:"shim,omitempty"`  // pid
	Brain      int                    `json:"brain,omitempty"` // pid
	Quarantine string                 `json:"quarantine,omitempty"`
	Trouble    []string               `json:"trouble"` // what is wrong with Dewar itself, and what to type
	Counts     machine.Counts         `json:"counts"`
	Processes  []machine.ProcessState `json:"processes,omitempty"`

	Checks  []machine.CheckState `json:"checks,omitempty"`  // the task's own; those of processes are with these
	Snoozes []machine.Snooze     `json:"snoozes,omitempty"` // that are not over

	Paused  *machine.AskedPause       `json:"paused,omitempty"`
	Groups  *sandbox.Groups           `json:"groups,omitempty"`  // where its kernel groups are, or why there are none
	Resized map[string]task.Resources `json:"resized,omitempty"` // limits that people have changed, by process; "" is the task's
	Undead  []machine.Undead          `json:"undead,omitempty"`  // were killed, and live
	Disk    *sandbox.DiskUsage        `json:"disk,omitempty"`    // what the sandbox held when it was last counted
}

// Of is the status of a task.
func Of(v *observer.View, now time.Time) Status {
	s := Status{
		ID: v.ID, Directory: string(v.Dir), State: v.State.State, Reason: v.State.Reason,
		Shim: v.Shim, Brain: v.Brain, Trouble: Trouble(v, now), Counts: v.State.Counts, Processes: v.State.Processes,
		Checks: v.State.Checks, Snoozes: v.State.Snoozes,
		Paused: v.State.Pause, Groups: v.Groups, Resized: v.State.Resized, Undead: v.State.Undead, Disk: v.Disk,
	}
	if v.State.Since.Wall != 0 {
		s.Since = time.Unix(0, v.State.Since.Wall)
	}
	if v.Quarantine != nil && !errors.Is(v.Quarantine, fs.ErrPermission) && !errors.Is(v.Quarantine, observer.ErrNotTask) {
		s.Quarantine = v.Quarantine.Error()
	}
	if l := v.Launch; l != nil {
		s.Name, s.Owner, s.User, s.File, s.Ports = l.Task.Name, l.Owner, l.User, l.SourceFile, l.Ports
		s.Launched = time.Unix(0, l.Launched)
	}
	return s
}

// Trouble is what is wrong with what keeps a task, in sentences that say what
// to type. With the keepers of a task that has ended nothing can be wrong.
func Trouble(v *observer.View, now time.Time) []string {
	said := []string{}
	if errors.Is(v.Quarantine, fs.ErrPermission) {
		return append(said, fmt.Sprintf("it is another user's, and cannot be read: %v", v.Quarantine))
	}
	if errors.Is(v.Quarantine, observer.ErrNotTask) {
		return append(said, v.Quarantine.Error())
	}
	if v.Quarantine != nil {
		said = append(said, fmt.Sprintf("in quarantine: %v; nothing but a kill is possible: dewar kill %s", v.Quarantine, v.ID))
	}
	if v.Orphaned() {
		why := "neither its shim nor its brain lives"
		if v.Rebooted {
			why = "the machine was rebooted"
		}
		said = append(said, "orphaned: "+why+"; "+whatToType(v))
	}
	if v.Failing != nil && !v.Over() {
		said = append(said, failing(v, now)+"; its log is "+v.Dir.BrainLog())
	}
	if v.Wish != nil && !v.Over() {
		said = append(said, fmt.Sprintf("a wish to end it stands, of %s, with a grace of %s", v.Wish.By, Span(v.Wish.Grace)))
	}
	if v.State.Full {
		said = append(said, "the disk is full: nothing is started until there is room")
	}
	if v.Torn > 0 {
		said = append(said, fmt.Sprintf("the last %d bytes of its journal are no record; the next brain cuts them off", v.Torn))
	}
	for _, p := range v.Problems {
		said = append(said, p.Error())
	}
	return said
}

// whatToType says what goes on with an orphan, or ends it.
func whatToType(v *observer.View) string {
	if v.Wish != nil {
		return fmt.Sprintf("it is to be ended: dewar kill %s does", v.ID)
	}
	return fmt.Sprintf("dewar resume %s goes on with it, dewar kill %s ends it", v.ID, v.ID)
}

// failing says that no brain works, and when the shim, if it lives, tries
// another.
func failing(v *observer.View, now time.Time) string {
	f := v.Failing
	said := fmt.Sprintf("%s; the last one died %s ago", v.Brainless(), Span(now.Sub(f.At)))
	if v.Shim != 0 && f.Next.After(now) {
		said += ", another is tried in " + Span(f.Next.Sub(now))
	}
	if last := lastWords(f.Stderr); last != "" {
		said += "; it said: " + last
	}
	return said
}

// lastWords is the line of a program's stderr that says why it died: the one
// that begins a Go program's panic, else the last. Of a stack trace whose
// beginning is lost there is none.
func lastWords(stderr string) string {
	trace := false
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return LastLine(line)
		}
		trace = trace || strings.HasPrefix(line, "\t")
	}
	if trace {
		return ""
	}
	return LastLine(stderr)
}

// List is many tasks, one a line, and below them what is wrong with them.
func List(all []Status, now time.Time) string {
	rows := Table{{"TASK", "STATE", "FOR", ""}}
	troubles := ""
	for _, s := range all {
		rows = append(rows, s.line(now))
		for _, t := range slices.Concat(s.Trouble, undead(s.Undead)) {
			troubles += fmt.Sprintf("! %s: %s\n", s.ID, Printable(t))
		}
	}
	return rows.String() + troubles
}

// line is a task in the list of all: its cells.
func (s Status) line(now time.Time) []string {
	since := ""
	if !s.Since.IsZero() {
		since = Span(now.Sub(s.Since))
	}
	what := Tally(s.Counts)
	if s.Paused != nil {
		what = "paused; " + what
	}
	if ill := s.Unhealthy(); len(ill) > 0 {
		what += "; unhealthy: " + strings.Join(ill, ", ")
	}
	if Over(s.State) {
		what = s.Reason
	}
	return []string{s.ID, s.state(), since, what}
}

func (s Status) state() string {
	switch {
	case s.State != "":
		return string(s.State)
	case s.Name == "":
		return "unknown"
	}
	return "not begun"
}

// Text is everything about a task on a screen.
func (s Status) Text(now machine.Instant) string {
	wall := time.Unix(0, now.Wall)
	var b strings.Builder
	fmt.Fprintf(&b, "task %s  %s", s.ID, s.state())
	if !s.Since.IsZero() {
		fmt.Fprintf(&b, ", for %s", Span(wall.Sub(s.Since)))
		if Over(s.State) {
			fmt.Fprintf(&b, " (since %s)", s.Since.Format(time.DateTime))
		}
	}
	b.WriteString("\n")
	if s.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", Printable(s.Reason))
	}
	for _, t := range slices.Concat(s.Trouble, undead(s.Undead)) {
		fmt.Fprintf(&b, "! %s\n", Printable(t))
	}
	b.WriteString(s.origin(now))
	if n := s.Counts.Processes; n > 0 {
		fmt.Fprintf(&b, "processes  %d: %s; %d runs so far\n", n, Tally(s.Counts), s.Counts.Runs)
	}
	if len(s.Processes) > 0 {
		b.WriteString("\n" + s.table(now).String())
	}
	if checks := s.checks(now); len(checks) > 0 {
		b.WriteString("\n" + checks.String())
	}
	return b.String()
}

// origin says where the task came from and who keeps it.
func (s Status) origin(now machine.Instant) string {
	rows := Table{{"directory", s.Directory}}
	if !s.Launched.IsZero() {
		launched := fmt.Sprintf("%s by %s", s.Launched.Format(time.DateTime), s.Owner)
		if s.File != "" {
			launched += " from " + s.File
		}
		if s.User != s.Owner {
			launched += ", as user " + s.User
		}
		rows = append(rows, []string{"launched", launched})
	}
	if len(s.Ports) > 0 {
		var ports []string
		for _, name := range slices.Sorted(maps.Keys(s.Ports)) {
			ports = append(ports, fmt.Sprintf("%s=%d", name, s.Ports[name]))
		}
		rows = append(rows, []string{"ports", strings.Join(ports, " ")})
	}
	if s.Shim != 0 || s.Brain != 0 {
		rows = append(rows, []string{"kept by", pid("shim", s.Shim) + ", " + pid("brain", s.Brain)})
	}
	return slices.Concat(rows, s.snoozed(), s.sandbox(now)).String()
}

func pid(who string, pid int) string {
	if pid == 0 {
		return "no " + who + " now"
	}
	return fmt.Sprintf("%s %d", who, pid)
}

func (s Status) table(now machine.Instant) Table {
	rows := Table{{"PROCESS", "STATE", "RUN", "FAILURES", "PID", "TOOK", ""}}
	for _, p := range s.Processes {
		if Over(s.State) {
			p = Settled(p)
		}
		run, took, pid := "-", "", ""
		if last := p.Last(); last != nil {
			run = fmt.Sprint(last.Run)
			took = Span(Took(last, now))
			if last.Live() && last.Pid != 0 {
				pid = fmt.Sprint(last.Pid)
			}
		}
		note := Note(p, now)
		if note == "" && Over(s.State) && p.Last() == nil {
			note = "never ran"
		} else if note == "" && p.Final {
			note = "finalizer"
		}
		rows = append(rows, []string{p.Name, string(p.State), run, fmt.Sprint(p.Failures), pid, took, note})
	}
	return rows
}
