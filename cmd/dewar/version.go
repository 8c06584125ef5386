package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker; see the Makefile.
var version = "dev"

// versionOutput is what `dewar version --json` prints.
type versionOutput struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which Dewar this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.json(versionOutput{version, runtime.Version()})
			}
			return a.print("dewar %s\n", version)
		},
	}
	jsonFlag(c, &asJSON)
	return c
}
