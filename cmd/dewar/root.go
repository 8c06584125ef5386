package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

const long = `Dewar runs tasks on this machine: small graphs of processes, supervised,
journalled, and recovered after any death of Dewar's own programs.

Exit status of run and wait: 0 SUCCESS, 1 FAILED, 3 KILLED, 4 LOST.
Of every verb: 5 held by another, another user's, or finished before; 100 misuse
(a bad file, a bad flag, an unknown task); 111 the system failed.

TASK is a task's id, or the beginning of one that fits no other task.`

// command builds the tree of verbs. *entered becomes true when a verb begins:
// what fails before that is misuse.
func (a *app) command() (root *cobra.Command, entered *bool) {
	entered = new(bool)
	root = &cobra.Command{
		Use:               "dewar",
		Short:             "Run and supervise tasks on this machine",
		Long:              long,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		PersistentPreRun:  func(*cobra.Command, []string) { *entered = true },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.root, "root", "", "directory of the tasks (environment: DEWAR_ROOT)")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say more")
	root.AddCommand(
		a.runCommand(), a.simplerunCommand(), a.statusCommand(), a.inspectCommand(),
		a.tailCommand(), a.killCommand(), a.restartCommand(), a.stopCommand(),
		a.startCommand(), a.signalCommand(), a.pauseCommand(), a.unpauseCommand(),
		a.resizeCommand(), a.topCommand(), a.execCommand(), a.doctorCommand(),
		a.readCommand(), a.graphCommand(),
		a.whyCommand(), a.gcCommand(), a.waitCommand(), a.resumeCommand(),
		a.snoozeCommand(), a.unsnoozeCommand(), a.validateCommand(), a.schemaCommand(), a.versionCommand(),
	)
	return root, entered
}

// tasksRoot is the directory of the tasks: --root, else DEWAR_ROOT, else what
// is usual for root and for everybody else.
func (a *app) tasksRoot() (string, error) {
	dir := a.root
	if dir == "" {
		dir = a.env("DEWAR_ROOT")
	}
	if dir == "" {
		return a.defaultRoot()
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the directory of the tasks: %w", err)
	}
	return abs, nil
}

func (a *app) defaultRoot() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/dewar/tasks", nil
	}
	if state := a.env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "dewar/tasks"), nil
	}
	if home := a.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local/state/dewar/tasks"), nil
	}
	return "", misuse(fmt.Errorf("find the directory of the tasks: neither --root, DEWAR_ROOT, XDG_STATE_HOME nor HOME says where it is"))
}
