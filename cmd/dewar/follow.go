package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

// follow follows a task until it has ended and its keepers are gone, and
// returns its result as an exit status. INT, TERM and HUP ask for a kill: the
// first with grace, the next at once. With attached the task was there before
// us: what has happened until now is not told.
func (a *app) follow(ctx context.Context, dir task.Dir, attached, asJSON bool) error {
	outliveReaders()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	f := &follower{app: a, dir: dir, attached: attached, json: asJSON}
	var err error
	if out, ok := a.out.(*os.File); ok && !asJSON && term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(a.in.Fd())) {
		err = f.live(ctx, out, signals)
	} else {
		err = f.plain(ctx, signals)
	}
	if err != nil {
		return err
	}
	return silent(resultCode(f.last.State.State))
}

// outliveReaders makes it no reason to stop following that a reader has gone
// away. (Ignored, the signal would be ignored by what we start.)
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// follower is one task that is followed.
type follower struct {
	app      *app
	dir      task.Dir
	attached bool
	json     bool
	last     *observer.View // as it was seen last
}

// watch calls each with every change until the task is over, and drives it: when
// shim and brain have both died it starts a new shim. Meanwhile it passes what
// is said on the task's console to said, but under --json; and runs beside.
func (f *follower) watch(ctx context.Context, each func(observer.Change) error, said io.Writer, beside ...func(context.Context) error) error {
	if f.json {
		said = io.Discard
	}
	con, err := openConsole(f.dir, f.attached)
	if err != nil {
		return err
	}
	err = await(ctx, f.dir, f.app.waker(ctx, f.dir), func(c observer.Change) error {
		f.last = c.View
		return each(c)
	}, append(beside, con.follow(said))...)
	if err == nil {
		err = f.app.awaitKeepers(ctx, f.dir)
	}
	if err == nil {
		err = con.copy(said) // its last words
	}
	return errors.Join(err, con.close())
}

// kill asks for the task's end.
func (f *follower) kill(ctx context.Context, grace time.Duration) error {
	w := launch.Wish{Grace: grace, By: f.app.by("dewar run"), Reason: "dewar run was told to end", At: time.Now()}
	answered, err := launch.Kill(ctx, f.dir, w, patience, f.app.waker(ctx, f.dir))
	var finished *errOver
	if errors.As(err, &finished) {
		return nil // it was faster
	}
	if err == nil && !answered {
		f.app.detail("no brain answers: the wish to end the task is written down in %s", f.dir.Shutdown())
	}
	return err
}

// graceOf is what the nth request to end gives.
func graceOf(n int) time.Duration {
	if n > 1 {
		return 0
	}
	return time.Duration(control.DefaultGrace)
}

// by says who asks.
func (a *app) by(what string) string {
	who := a.env("USER")
	if who == "" {
		return fmt.Sprintf("uid %d, %s", os.Getuid(), what)
	}
	return fmt.Sprintf("uid %d (%s), %s", os.Getuid(), who, what)
}
