package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
)

const (
	rootLane = "root"
	userLane = "user"
)

// lane is one way to run the tests.
type lane struct {
	name string   // rootLane, userLane or a guest's
	who  string   // for people
	tree string   // the module's directory
	env  []string // added to ours
	bin  string   // where the programs are that only this lane runs; empty: others may run them too
	exec string   // go test's -exec; empty: the test binary is run as it is
	argv []string // of a guest's lane: what runs in place of go test

	packages []string // that it runs, whatever was asked for; nil: those
	only     string   // of them, the tests with these names, unless others were asked for
	noRace   bool     // it runs for long, and without the race detector
}

// command is what runs the lane's tests and writes their events.
func (l *lane) command(o options) *exec.Cmd {
	argv := l.argv
	if argv == nil {
		if o.race = o.race && !l.noRace; l.packages != nil {
			o.packages, o.run = l.packages, cmp.Or(o.run, l.only)
		}
		argv = append([]string{"go", "test", "-json"}, o.goTest()...)
		if l.exec != "" {
			argv = append(argv, "-exec", l.exec)
		}
		argv = append(argv, o.packages...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = l.tree
	cmd.Env = append(os.Environ(), l.env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// run runs the tests, shows them on w, and answers what became of each. An
// error means that they could not be run; tests that fail are no error. What
// failed is run once more if it is little: a machine that is busy with other
// things makes a test of timing fail now and then, and a guest of v1 was seen
// to spin before its first test had said anything, one time in some twenty.
func (l *lane) run(w io.Writer, o options) (Results, error) {
	first, status, err := l.once(w, o)
	const outOfTime = 124 // of test/vm
	switch {
	case err != nil, o.once:
		return first, err
	case l.argv != nil && status == outOfTime:
		say(w, "== lane %s: the guest did not end in time; once more\n", l.name)
	case first.little():
		say(w, "== lane %s: once more: %s\n", l.name, strings.Join(first.Failed, " "))
		o.packages = first.Failed // a guest runs all of its own
	default:
		return first, nil
	}
	second, _, err := l.once(w, o)
	return first.mendedBy(second), err
}

// once answers the exit status, too.
func (l *lane) once(w io.Writer, o options) (Results, int, error) {
	cmd := l.command(o)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Results{}, 0, err
	}
	if err := cmd.Start(); err != nil {
		return Results{}, 0, err
	}
	seen := newReader(l.name, w)
	readErr := seen.readAll(out)
	waitErr := cmd.Wait()
	if readErr != nil {
		return Results{}, 0, readErr
	}
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return Results{}, 0, waitErr
	}
	if l.bin != "" {
		seen.results.Left = leftover(l.bin)
	}
	seen.results.Broken = waitErr != nil && seen.results.count(failed) == 0 && len(seen.results.Left) == 0
	return seen.results, cmd.ProcessState.ExitCode(), nil
}
