package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

const (
	rootLane = "root"
	userLane = "user"
)

// lane is one way to run the tests.
type lane struct {
	name string   // rootLane or userLane
	who  string   // for people
	tree string   // the module's directory
	env  []string // added to ours
	bin  string   // where the programs are that only this lane runs; empty: others may run them too
	exec string   // go test's -exec; empty: the test binary is run as it is
}

// run runs the tests, shows them on w, and answers what became of each. An
// error means that they could not be run; tests that fail are no error.
func (l *lane) run(w io.Writer, args, packages []string) (Results, error) {
	argv := append([]string{"test", "-json"}, args...)
	if l.exec != "" {
		argv = append(argv, "-exec", l.exec)
	}
	cmd := exec.Command("go", append(argv, packages...)...)
	cmd.Dir = l.tree
	cmd.Env = append(os.Environ(), l.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Results{}, err
	}
	if err := cmd.Start(); err != nil {
		return Results{}, err
	}
	seen := newReader(l.name, w)
	readErr := seen.readAll(out)
	waitErr := cmd.Wait()
	if readErr != nil {
		return Results{}, readErr
	}
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return Results{}, waitErr
	}
	if l.bin != "" {
		seen.results.Left = leftover(l.bin)
	}
	seen.results.Broken = waitErr != nil && seen.results.count(failed) == 0
	return seen.results, nil
}
