package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

func (a *app) snoozeCommand() *cobra.Command {
	var asJSON bool
	var check, reason string
	var length span
	c := &cobra.Command{
		Use:   "snooze TASK --for TIME --reason TEXT",
		Short: "Let the checks of a task pass no verdict for a while",
		Long: `Snooze keeps the health checks of a task, or one of them, from being asked. What
is healthy stays so, what is starting is not promoted, and nothing is killed for
health. It ends by itself, after 24 hours at the latest, or with dewar unsnooze; a
later snooze takes the place of an earlier one. Who snoozed, until when and why is in
the task's journal, and status and why show it.

A check is named as status shows it: web/liveness, or liveness if only one check
has that name.`,
		Args: between(1, 1, "TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case length <= 0:
				return misuse(errors.New("snooze wants --for, when it ends: as --for 20m"))
			case reason == "":
				return misuse(errors.New("snooze wants --reason, for those who find it snoozed"))
			}
			request := control.Snooze{Check: check, For: task.Duration(length), Reason: reason}
			until := time.Now().Add(time.Duration(length))
			return a.drive(c.Context(), args[0], control.PathSnooze, request, asked{Check: check, Asked: "snooze", Done: true, Until: until}, asJSON)
		},
	}
	c.Flags().StringVar(&check, "check", "", "only this check, as web/liveness")
	c.Flags().Var(&length, "for", "for how long, as 90s, 20m, 1h30m")
	c.Flags().StringVar(&reason, "reason", "", "why, for those who find it snoozed")
	jsonFlag(c, &asJSON)
	return c
}

func (a *app) unsnoozeCommand() *cobra.Command {
	var asJSON bool
	var check string
	c := &cobra.Command{
		Use:   "unsnooze TASK",
		Short: "Let the checks of a task pass verdicts again",
		Long: `Unsnooze ends what dewar snooze began, for all checks of a task or for one. Their
counters are those from before.

A file ` + "`.healthchecksnooze`" + ` in the sandbox snoozes all checks for as long as it
is there; unsnooze leaves it alone.`,
		Args: between(1, 1, "TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.drive(c.Context(), args[0], control.PathUnsnooze, control.Unsnooze{Check: check}, asked{Check: check, Asked: "unsnooze", Done: true}, asJSON)
		},
	}
	c.Flags().StringVar(&check, "check", "", "only this check, as web/liveness")
	jsonFlag(c, &asJSON)
	return c
}
