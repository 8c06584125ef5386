package main

import (
	"errors"

	"github.com/dewarhq/dewar/supervisor/machine"
)

// The exit statuses, as docs and semantics fix them.
const (
	exitSuccess = 0
	exitFailed  = 1
	exitKilled  = 3
	exitLost    = 4
	exitHeld    = 5   // held by another, another user's, or finished before
	exitMisuse  = 100 // you misused me; do not retry
	exitSystem  = 111 // the system failed me; retry
)

// exitError is an error with an exit status of its own. An error without one
// means that the system failed. With err nil nothing more is to be said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misuse marks err as the caller's fault.
func misuse(err error) error { return &exitError{code: exitMisuse, err: err} }

// held marks err as: held by another, another user's, or finished before.
func held(err error) error { return &exitError{code: exitHeld, err: err} }

// silent ends the program with a status whose sentence has been said.
func silent(code int) error {
	if code == exitSuccess {
		return nil
	}
	return &exitError{code: code}
}

// exitCode is the exit status that err asks for.
func exitCode(err error) int {
	if err == nil {
		return exitSuccess
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitSystem
}

// resultCode is the exit status of `run` and `wait` for a terminal state.
func resultCode(s machine.TaskState) int {
	switch s {
	case machine.Success:
		return exitSuccess
	case machine.Failed:
		return exitFailed
	case machine.Killed:
		return exitKilled
	case machine.Lost:
		return exitLost
	}
	return exitSystem
}
