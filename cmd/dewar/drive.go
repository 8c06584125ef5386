package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

// asked is what the verbs that ask something of a task, or of one process of it,
// print with --json.
type asked struct {
	ID      string          `json:"id"`
	Process string          `json:"process,omitempty"`
	Asked   string          `json:"asked"`          // the verb
	Done    bool            `json:"done,omitempty"` // it is so now; else it is in the journal, and will be
	Signal  task.Signal     `json:"signal,omitempty"`
	Limits  *task.Resources `json:"limits,omitempty"`
	Check   string          `json:"check,omitempty"` // that is snoozed; none: all
	Until   time.Time       `json:"until,omitzero"`  // they are snoozed
}

// text says what was asked for, or what is so now.
func (w asked) text() string {
	switch {
	case w.Limits != nil:
		return w.whose() + show.Limits(*w.Limits) + " in force"
	case !w.Until.IsZero():
		return w.checks() + "snoozed until " + w.Until.Local().Format(time.DateTime)
	case w.Done && w.Check != "":
		return w.checks() + w.Asked + "d"
	case w.Done:
		return w.Asked + "d"
	case w.Signal != "":
		return fmt.Sprintf("signal %s for %s", w.Signal, show.Printable(w.Process))
	case w.Process != "":
		return fmt.Sprintf("%s of %s asked for", w.Asked, show.Printable(w.Process))
	}
	return w.Asked + " asked for"
}

// whose is the process that limits are of; empty, they are the task's.
func (w asked) whose() string {
	if w.Process == "" {
		return ""
	}
	return show.Printable(w.Process) + " has "
}

// checks are those that are snoozed, or no longer so.
func (w asked) checks() string {
	if w.Check == "" {
		return "all checks "
	}
	return "check " + show.Printable(w.Check) + " "
}

// object is what a verb was to do it to.
func (w asked) object(id string) string {
	if w.Process == "" {
		return "task " + id
	}
	return task.Quote(w.Process) + " of task " + id
}

func (a *app) restartCommand() *cobra.Command {
	return a.processCommand("restart", control.PathRestart, "Restart a process; no failure is counted",
		"Restart stops the live run of a process, if there is one, and starts another.")
}

func (a *app) stopCommand() *cobra.Command {
	return a.processCommand("stop", control.PathStop, "Stop a process, and hold it until it is started",
		"Stop stops the live run of a process, if there is one, and holds the process.")
}

func (a *app) startCommand() *cobra.Command {
	return a.processCommand("start", control.PathStart, "Start a process that was stopped, or that has ended",
		"Start lifts the hold of a process and starts it as soon as its edges allow.")
}

func (a *app) processCommand(verb, path, short, long string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   verb + " TASK PROCESS",
		Short: short,
		Long:  long + "\nIt returns when the wish is in the task's journal, not when it is fulfilled.",
		Args:  between(2, 2, "TASK PROCESS"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.drive(c.Context(), args[0], path, control.Process{Process: args[1]}, asked{Process: args[1], Asked: verb}, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) signalCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "signal TASK PROCESS [SIG]",
		Short: "Send a signal to a process, HUP unless another is named",
		Long: `Signal sends a signal to the live run of a process: to all of it, or to its main
process alone where the task says stop_to: main. A run that ends by it counts
as no failure.`,
		Args: between(2, 3, "TASK PROCESS [SIG]"),
		RunE: func(c *cobra.Command, args []string) error {
			name := "HUP"
			if len(args) == 3 {
				name = args[2]
			}
			sig, err := task.ParseSignal(name)
			if err != nil {
				return misuse(err)
			}
			request := control.Signal{Process: args[1], Signal: sig}
			return a.drive(c.Context(), args[0], control.PathSignal, request, asked{Process: args[1], Asked: "signal", Signal: sig}, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// drive makes one request of a task's brain, waking the task if nobody keeps
// it.
func (a *app) drive(ctx context.Context, prefix, path string, request any, what asked, asJSON bool) error {
	v, err := a.view(prefix)
	if err != nil {
		return err
	}
	if err := over(v); err != nil {
		return held(err)
	}
	what.ID = v.ID
	ctx, cancel := context.WithTimeout(ctx, a.patienceFor(v))
	defer cancel()
	err = launch.Ask(ctx, v.Dir, path, request, a.waker(ctx, v.Dir))
	if err != nil {
		return a.overtaken(a.refusal(v, what, err))
	}
	if asJSON {
		return a.json(what)
	}
	return a.print("task %s: %s\n", what.ID, what.text())
}

// refusal makes a sentence of why a request was not taken.
func (a *app) refusal(v *observer.View, what asked, err error) error {
	err = fmt.Errorf("%s %s: %w", what.Asked, what.object(v.ID), err)
	var refused *control.Refused
	if errors.As(err, &refused) && refused.Code < 500 {
		return misuse(err)
	}
	if !errors.Is(err, control.ErrNoBrain) {
		return err
	}
	if now, readErr := readTask(v.Dir); readErr == nil {
		for _, trouble := range show.Trouble(now, time.Now()) {
			err = fmt.Errorf("%w; %s", err, trouble)
		}
	}
	return err
}
