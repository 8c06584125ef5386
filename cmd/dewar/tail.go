package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/task"
)

type tailFlags struct {
	follow bool
	stderr bool
	run    int
	lines  int
	json   bool
}

// logLine is what `dewar tail --json` prints of each line.
type logLine struct {
	Process string          `json:"process"`
	Run     int             `json:"run"`
	Stream  observer.Stream `json:"stream"`
	Line    string          `json:"line"`
}

func (a *app) tailCommand() *cobra.Command {
	f := &tailFlags{}
	c := &cobra.Command{
		Use:   "tail TASK [PROCESS]",
		Short: "Print the log of a process, and follow it",
		Long: `Tail prints what the latest run of a process has said on stdout, or stderr. With
-f it goes on, across rotation and from run to run, until the process will not
run again. PROCESS may be left out if the task has only one.`,
		Args: between(1, 2, "TASK [PROCESS]"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.lines < 0 {
				return misuse(fmt.Errorf("--lines %d is less than nothing", f.lines))
			}
			dir, err := a.find(args[0])
			if err != nil {
				return err
			}
			o := observer.TailOptions{Follow: f.follow}
			if len(args) == 2 {
				o.Process = args[1]
			}
			if c.Flags().Changed("run") {
				o.Run = &f.run
			}
			if c.Flags().Changed("lines") {
				o.Last = &f.lines
			}
			return a.tail(c.Context(), dir, o, f)
		},
	}
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on until the process will not run again")
	c.Flags().BoolVar(&f.stderr, "stderr", false, "stderr, not stdout")
	c.Flags().IntVar(&f.run, "run", 0, "this run, not the latest")
	c.Flags().IntVarP(&f.lines, "lines", "n", 0, "begin with so many lines of what there is; default: all")
	jsonFlag(c, &f.json)
	return c
}

func (a *app) tail(ctx context.Context, dir task.Dir, o observer.TailOptions, f *tailFlags) error {
	o.Stream = observer.Stdout
	if f.stderr {
		o.Stream = observer.Stderr
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	to, entered := a.out, 0
	var lines *lineWriter
	if f.json {
		lines = &lineWriter{app: a, line: logLine{Stream: o.Stream}}
		to = lines
	}
	o.Enter = func(r task.RunID) error {
		if entered++; entered > 1 && !f.json {
			a.note("==> %s <==", r)
		}
		if lines == nil {
			return nil
		}
		err := lines.flush()
		lines.line.Process, lines.line.Run = r.Process, r.Run
		return err
	}
	err := observer.Tail(ctx, dir, o, to)
	if lines != nil {
		err = errors.Join(err, lines.flush())
	}
	if f.follow && ctx.Err() != nil {
		return nil // it was told to stop following
	}
	return askedForNothing(err)
}

// askedForNothing marks the error of who asked for a log that there is not, as
// opposed to one that cannot be read.
func askedForNothing(err error) error {
	var path *os.PathError
	var errno syscall.Errno
	if err == nil || errors.As(err, &path) || errors.As(err, &errno) {
		return err
	}
	return misuse(err)
}

// lineWriter prints each line as JSON.
type lineWriter struct {
	*app
	line logLine
	part []byte // of a line that is not whole yet
}

var _ io.Writer = (*lineWriter)(nil)

func (w *lineWriter) Write(b []byte) (int, error) {
	w.part = append(w.part, b...)
	for {
		line, rest, whole := bytes.Cut(w.part, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		w.line.Line, w.part = string(line), rest
		if err := w.json(w.line); err != nil {
			return 0, err
		}
	}
}

// flush prints what is left of a last line without an end.
func (w *lineWriter) flush() error {
	if len(w.part) == 0 {
		return nil
	}
	w.line.Line, w.part = string(w.part), nil
	return w.json(w.line)
}
