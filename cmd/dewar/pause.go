package main

import (
	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/supervisor/control"
)

func (a *app) pauseCommand() *cobra.Command {
	return a.standCommand("pause", control.PathPause, control.Pause{}, "Make every process of a task stand still",
		`Pause freezes a task: none of its processes runs an instruction until it is
unpaused, and nothing new is started. What they hold (memory, sockets, locks)
they keep. A pause survives the death of Dewar's own programs. A kill ends a
paused task too.

It returns when all stand still. If they do not within two seconds, nothing is
paused, and the reason is said.

It takes control groups with a freezer; see dewar doctor.`)
}

func (a *app) unpauseCommand() *cobra.Command {
	return a.standCommand("unpause", control.PathUnpause, control.Unpause{}, "Let a paused task go on",
		`Unpause lets the processes of a paused task go on where they stood. Those that
were to be ready by some time have as much longer as they stood still.`)
}

func (a *app) standCommand(verb, path string, request any, short, long string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   verb + " TASK",
		Short: short,
		Long:  long,
		Args:  between(1, 1, "TASK"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.drive(c.Context(), args[0], path, request, asked{Asked: verb, Done: true}, asJSON)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
