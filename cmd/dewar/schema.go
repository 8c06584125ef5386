package main

import (
	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/task/file"
)

func (a *app) schemaCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of task files, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print("%s\n", file.Schema())
		},
	}
	jsonFlag(c, &asJSON) // it is JSON anyway
	return c
}
