package sandbox

import (
	"fmt"
	"os"

	"github.com/dewarhq/dewar/task"
)

// Shell is what runs a cmdline.
const Shell = "/bin/bash"

// Command is what a process' run executes: its argv, or its cmdline given to
// bash. The error says why it could never be executed.
func Command(p task.Process) ([]string, error) { return command(p, Shell) }

func command(p task.Process, shell string) ([]string, error) {
	argv := p.Argv
	if p.Cmdline != "" {
		if _, err := os.Stat(shell); err != nil {
			return nil, fmt.Errorf("run the cmdline of %s: no shell: %w; install bash, or give the command as argv", p.Name, err)
		}
		argv = []string{shell, "-c", p.Cmdline}
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("run %s: it has neither cmdline nor argv", p.Name)
	}
	return argv, nil
}
