package main

import (
	"bytes"
	"context"
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
)

// live follows on a terminal, with the live tree.
func (f *follower) live(ctx context.Context, out *os.File, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	colours := lipgloss.NewRenderer(out)
	colours.SetHasDarkBackground(true) // else it asks the terminal
	program := tea.NewProgram(tree.Model{
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
	}, tea.WithInput(f.app.in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithoutCatchPanics(), tea.WithFPS(20))

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
	owned.Go(func() {
		w := &watcher{follower: f, send: program.Send}
		if err := f.watch(ctx, w.change, w); err != nil {
			program.Send(tree.Failed{Err: err})
			return
		}
		program.Send(tree.Over{Task: w.task(f.last)})
	})
	model, err := program.Run()
	cancel()
	owned.Wait()
	if err != nil {
		return err
	}
	return model.(tree.Model).Err()
}

// watcher turns changes into the tree's messages.
type watcher struct {
	*follower
	send func(tea.Msg)
	said []byte // on the console: a line that is not whole yet
}

func (w *watcher) change(c observer.Change) error {
	w.send(tree.Changed{Task: w.task(c.View)})
	return nil
}

// Write gets what is said on the task's console: whole lines are shown above
// the tree.
func (w *watcher) Write(b []byte) (int, error) {
	w.said = append(w.said, b...)
	if end := bytes.LastIndexByte(w.said, '\n'); end >= 0 {
		lines := strings.Split(string(w.said[:end]), "\n")
		for i := range lines {
			lines[i] = show.Printable(strings.TrimRight(lines[i], "\r"))
		}
		w.said = w.said[end+1:]
		w.send(tree.Said{Lines: lines})
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
		row := tree.Row{Process: p.Name, Final: p.Final, State: string(p.State), Run: -1, Note: show.Note(p, now)}
		if last := p.Last(); last != nil {
			row.Run = last.Run
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
