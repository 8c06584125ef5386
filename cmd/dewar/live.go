package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/cli/tree"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// live follows on a terminal, with the live tree.
func (f *follower) live(ctx context.Context, out *os.File, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	program := f.program(ctx, out)
	w := &watcher{follower: f, send: program.Send}
	mute := *f.app // what is noted must not cross the picture
	mute.err = &speaker{send: program.Send}
	f.app = &mute

	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				program.Send(tree.Interrupted{})
			}
		}
	})
	owned.Go(func() { w.watchAll(ctx) })
	model, err := program.Run()
	cancel()
	owned.Wait()
	if err != nil {
		return err
	}
	return model.(tree.Model).Err()
}

func (f *follower) program(ctx context.Context, out *os.File) *tea.Program {
	colours := lipgloss.NewRenderer(out)
	colours.SetHasDarkBackground(true) // else it asks the terminal
	model := tree.Model{
		Now:    time.Now(),
		Styles: tree.NewStyles(colours),
		Task:   tree.Task{ID: filepath.Base(string(f.dir))},
		Kill: func(atOnce bool) tea.Cmd {
			grace := graceOf(1)
			if atOnce {
				grace = 0
			}
			return func() tea.Msg { return tree.Asked{Err: f.kill(ctx, grace)} }
		},
	}
	return tea.NewProgram(model, tea.WithInput(f.app.in), tea.WithOutput(out),
		tea.WithoutSignalHandler(), tea.WithoutCatchPanics(), tea.WithFPS(20))
}

// watcher turns changes into the tree's messages.
type watcher struct {
	*follower
	send func(tea.Msg)
	logs *lastLines
}

// watchAll sends messages until the task is over, or cannot be followed.
func (w *watcher) watchAll(ctx context.Context) {
	var err error
	w.logs, err = newLastLines(w.dir, func(lines map[string]string) { w.send(tree.Logged{Lines: lines}) })
	if err == nil {
		err = w.watch(ctx, w.change, w.app.err, w.logs.follow)
		err = errors.Join(err, w.logs.close())
	}
	if err != nil {
		w.send(tree.Failed{Err: err})
		return
	}
	w.send(tree.Over{Task: w.task(w.last)})
}

func (w *watcher) change(c observer.Change) error {
	w.send(tree.Changed{Task: w.task(c.View)})
	var live []task.RunID
	for _, p := range c.View.State.Processes {
		if last := p.Last(); last != nil && last.State == machine.Running {
			live = append(live, task.RunID{Process: p.Name, Run: last.Run})
		}
	}
	w.logs.watch(live)
	return nil
}

// speaker shows whole lines above the tree.
type speaker struct {
	send func(tea.Msg)
	mu   sync.Mutex
	part []byte // of a line that is not whole yet
}

func (s *speaker) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.part = append(s.part, b...)
	if end := bytes.LastIndexByte(s.part, '\n'); end >= 0 {
		lines := strings.Split(string(s.part[:end]), "\n")
		for i := range lines {
			lines[i] = show.Printable(strings.TrimRight(lines[i], "\r"))
		}
		s.part = s.part[end+1:]
		s.send(tree.Said{Lines: lines})
	}
	return len(b), nil
}

// task is what the tree shows of a view.
func (w *watcher) task(v *observer.View) tree.Task {
	now := observer.Now()
	t := tree.Task{ID: v.ID, State: string(v.State.State), Reason: v.State.Reason}
	if v.State.Created.Wall != 0 {
		t.Began = time.Unix(0, v.State.Created.Wall)
	}
	if v.Over() {
		t.Over = time.Unix(0, v.State.Since.Wall)
	} else if v.Failing != nil || v.Quarantine != nil {
		t.Trouble = strings.Join(show.Trouble(v, time.Now()), "; ")
	}
	for _, p := range v.State.Processes {
		if v.Over() {
			p = show.Settled(p)
		}
		row := tree.Row{Process: p.Name, Final: p.Final, State: string(p.State), Run: -1, Note: show.Note(p, now)}
		if last := p.Last(); last != nil {
			row.Run = last.Run
			if last.State == machine.RunFailed {
				row.Line = show.LastLine(last.Tail)
			}
			if last.Live() {
				row.Since = time.Unix(0, last.Forked.Wall)
			} else {
				row.Took = show.Took(last, now)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
