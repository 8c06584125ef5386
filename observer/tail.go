package observer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// TailOptions say what Tail is to show. The zero value is all of the stdout of
// the latest run of a task's only process.
type TailOptions struct {
	Process string
	Run     *int   // nil: the latest, and with Follow those that come after it
	Stream  Stream // Stdout if it is empty
	Last    *int   // only so many lines of what there is at first, of the newest file; nil: all
	Follow  bool
	// Enter, unless nil, is called when another run's log is begun.
	Enter func(task.RunID) error
}

// Tail writes the log of a run to w. With Follow it goes on until there can be
// no more: the run that was named has ended, or the process will not run
// again; or until ctx ends, with its cause. It crosses the rotation of logs,
// and waits on inotify alone. Errors are sentences about what there is not.
func Tail(ctx context.Context, dir task.Dir, o TailOptions, w io.Writer) error {
	if o.Stream == "" {
		o.Stream = Stdout
	}
	f, err := startFollowing(dir)
	if err != nil {
		return err
	}
	t := &tail{following: f, TailOptions: o, to: w}
	err = t.run(ctx)
	return errors.Join(err, t.leave(), f.close())
}

// logEvents are what in a directory of logs says that there is more.
const logEvents = unix.IN_MODIFY | unix.IN_CREATE | unix.IN_MOVED_TO

// tail is a log that is being followed.
type tail struct {
	*following
	TailOptions
	to      io.Writer
	name    string      // of the process
	at      *task.RunID // whose log is being read
	log     *logFile    // nil: it is not there yet
	wd      int
	entered bool // some run's log was begun
}

func (t *tail) run(ctx context.Context) error {
	for {
		// First what is known, then the log: what was written before the
		// end that is known of is then read.
		t.gather()
		t.news = nil
		over, err := t.step()
		if err != nil || over {
			return err
		}
		if !t.Follow {
			return t.nothing()
		}
		if err := t.hearMore(ctx); err != nil {
			return err
		}
	}
}

// step shows what there is, run by run, and says whether that was all.
func (t *tail) step() (over bool, err error) {
	p, err := t.process()
	if err != nil {
		return false, err
	}
	if t.at == nil {
		if t.at, err = t.pick(p); t.at == nil {
			return t.Follow && p.final, err
		}
	}
	for {
		ended := p.ended(t.at.Run)
		if err := t.show(); err != nil {
			return false, err
		}
		if !t.Follow {
			return t.log != nil && t.log.file != nil, nil
		}
		if !ended {
			return false, nil
		}
		next := p.after(t.at.Run)
		if t.Run != nil || next == nil {
			return t.Run != nil || p.final, nil
		}
		if err := t.leave(); err != nil {
			return false, err
		}
		t.at = next
	}
}

// show passes on what is new of the log that is being read.
func (t *tail) show() error {
	if t.log == nil {
		d, err := openLogDir(t.dir, *t.at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.enter(&logFile{dir: d, stream: t.Stream}); err != nil {
			return err
		}
	}
	return t.log.copy(t.to)
}

func (t *tail) enter(l *logFile) error {
	t.log = l
	var err error
	if t.Follow {
		if t.wd, err = t.watch.add(fmt.Sprintf("/proc/self/fd/%d", l.dir.Fd()), logEvents); err != nil {
			return err
		}
	}
	last := -1
	if !t.entered && t.Last != nil {
		last = *t.Last
	}
	t.entered = true
	if err := l.begin(last); err != nil {
		return err
	}
	if t.Enter != nil {
		return t.Enter(*t.at)
	}
	return nil
}

// leave is done with the log of a run.
func (t *tail) leave() error {
	var err error
	if t.log != nil {
		if t.Follow && t.wd != 0 {
			err = t.watch.remove(t.wd)
		}
		err = errors.Join(err, t.log.close())
	}
	t.log, t.wd = nil, 0
	return err
}

// hearMore waits until there may be more.
func (t *tail) hearMore(ctx context.Context) error {
	for {
		events, err := t.watch.wait(ctx, time.Time{})
		if err != nil {
			return err
		}
		more := false
		for _, e := range events {
			switch {
			case e.wd == t.wd && t.log != nil:
				more = more || strings.HasPrefix(e.name, string(t.Stream))
			case e.wd == t.dirWd && e.gone():
				return t.removed()
			default:
				more = t.hear(e) || more
			}
		}
		if more {
			return nil
		}
	}
}

// nothing says why there is no log, where none was shown.
func (t *tail) nothing() error {
	switch p, err := t.process(); {
	case err != nil:
		return err
	case t.at == nil:
		return fmt.Errorf("process %s has not run yet", task.Quote(p.name))
	default:
		return fmt.Errorf("there is no %s of %s", t.Stream, t.at)
	}
}

// told is what is known of a process whose log is wanted.
type told struct {
	name  string
	runs  []machine.Run // those that are kept
	final bool          // no other run will come by itself
}

// process is what is known now of the process that is meant.
func (t *tail) process() (*told, error) {
	if t.name == "" {
		name, err := t.choose()
		if err == nil {
			err = t.kept(name)
		}
		if err != nil {
			return nil, err
		}
		t.name = name
	}
	p, ok := t.machine.Process(t.name)
	if !ok {
		return nil, fmt.Errorf("the task has no process %s any more", task.Quote(t.name))
	}
	return &told{name: p.Name, runs: p.History, final: p.Over != "" || over(t.machine.Phase())}, nil
}

// choose finds the process that is meant.
func (t *tail) choose() (string, error) {
	if t.launch == nil {
		return "", fmt.Errorf("the processes of the task are not known: %w", t.why)
	}
	var names []string
	for i := range t.launch.Task.Processes {
		name := t.launch.Task.Processes[i].Name
		if name == t.Process {
			return name, nil
		}
		names = append(names, name)
	}
	switch near := task.Nearest(t.Process, names); {
	case t.Process == "" && len(names) == 1:
		return names[0], nil
	case t.Process == "":
		return "", fmt.Errorf("the task has %d processes, say which: %s", len(names), some(names))
	case near != "":
		return "", fmt.Errorf("the task has no process %s; did you mean %s?", task.Quote(t.Process), task.Quote(near))
	}
	return "", fmt.Errorf("the task has no process %s; it has %s", task.Quote(t.Process), some(names))
}

// kept refuses processes that keep no logs.
func (t *tail) kept(process string) error {
	for i := range t.launch.Task.Processes {
		p := &t.launch.Task.Processes[i]
		if p.Name != process {
			continue
		}
		switch p.Logger.Destination {
		case task.ToNone:
			return fmt.Errorf("process %s keeps no logs: its logger's destination is none", task.Quote(process))
		case task.ToConsole:
			return fmt.Errorf("process %s keeps no logs: its logger's destination is the console, %s", task.Quote(process), t.dir.Console())
		}
	}
	return nil
}

// pick chooses the run to begin with; it is nil if there is none yet.
func (t *tail) pick(p *told) (*task.RunID, error) {
	if len(p.runs) == 0 && (t.Run == nil || t.Follow && *t.Run == 0) {
		return nil, nil
	}
	if len(p.runs) == 0 {
		return nil, fmt.Errorf("process %s has not run yet", task.Quote(p.name))
	}
	latest := p.runs[len(p.runs)-1].Run
	if t.Run == nil {
		return &task.RunID{Process: p.name, Run: latest}, nil
	}
	for i := range p.runs {
		if p.runs[i].Run == *t.Run {
			return &task.RunID{Process: p.name, Run: *t.Run}, nil
		}
	}
	return nil, fmt.Errorf("run %d of process %s is not kept; the latest is %d", *t.Run, task.Quote(p.name), latest)
}

// ended says that a run has ended, or is not kept any more.
func (p *told) ended(run int) bool {
	for i := range p.runs {
		if p.runs[i].Run == run {
			return !p.runs[i].Live()
		}
	}
	return true
}

// after is the first run that is kept after this one, nil if there is none.
func (p *told) after(run int) *task.RunID {
	for i := range p.runs {
		if p.runs[i].Run > run {
			return &task.RunID{Process: p.name, Run: p.runs[i].Run}
		}
	}
	return nil
}

func some(names []string) string {
	const most = 8
	var quoted []string
	for _, n := range names[:min(most, len(names))] {
		quoted = append(quoted, task.Quote(n))
	}
	s := strings.Join(quoted, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return s
}
