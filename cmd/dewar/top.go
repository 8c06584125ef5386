package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/cli/top"
	"github.com/dewarhq/dewar/observer/usage"
)

type topFlags struct {
	sort     topKey
	interval span
	once     bool
	json     bool
}

// topKey is a flag that holds what lines are sorted by.
type topKey top.Key

func (k *topKey) Type() string   { return "cpu|memory|pids|io" }
func (k *topKey) String() string { return string(*k) }

func (k *topKey) Set(text string) error {
	found, err := top.ParseKey(text)
	*k = topKey(found)
	return err
}

// shortest is the least time between two samples: below it rates say nothing.
const shortest = 50 * time.Millisecond

func (a *app) topCommand() *cobra.Command {
	f := &topFlags{sort: topKey(top.ByCPU), interval: span(time.Second)}
	c := &cobra.Command{
		Use:   "top [TASK…]",
		Short: "Show what tasks use, live",
		Long: `Top shows a line for each active task, or for those that are named, and below it
a line for each process: per cent of one CPU; per cent of the periods in which a
cpu_hard held it back; memory with its limit and peak; processes and threads;
bytes read and written a second; and per cent of the last ten seconds in which
something stood waiting for CPU, memory or io (PSI, where the kernel tells it).
What the kernel does not say, or is not limited, is "-".

The figures are those of the kernel's groups. Of a task without groups they are
sums over the processes that live, and its line says so.

Keys: c, m, p and i sort, arrows and pages scroll, q quits. Elsewhere than on a
terminal, with --once and with --json it takes two samples and prints them.`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if time.Duration(f.interval) < shortest {
				return misuse(errors.New("--interval is too short for rates to mean anything: 50ms is the least"))
			}
			s, err := a.sampler(args)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if out, ok := a.out.(*os.File); ok && !f.once && !f.json && term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(a.in.Fd())) {
				return a.topLive(c.Context(), f, s, out)
			}
			return a.topOnce(c.Context(), f, s)
		},
	}
	c.Flags().Var(&f.sort, "sort", "what the lines are sorted by")
	c.Flags().Var(&f.interval, "interval", "time between two samples")
	c.Flags().BoolVar(&f.once, "once", false, "take two samples, print them, and end")
	jsonFlag(c, &f.json)
	return c
}

func (a *app) sampler(args []string) (*usage.Sampler, error) {
	root, err := a.tasksRoot()
	if err != nil {
		return nil, err
	}
	s := &usage.Sampler{Root: root}
	s.Tasks, err = a.findAll(args)
	return s, err
}

// pauseFor waits for the next sample; false: it was told to end.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (a *app) topOnce(ctx context.Context, f *topFlags, s *usage.Sampler) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	if _, err := s.Next(); err != nil {
		return err
	}
	if !pauseFor(ctx, time.Duration(f.interval)) {
		return errors.New("take a second sample: interrupted")
	}
	all, err := s.Next()
	if err != nil {
		return err
	}
	if f.json {
		for _, n := range all {
			if err := a.json(used(n)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		a.note("no task is active under %s", s.Root)
		return nil
	}
	return a.print("%s", top.Text(topTasks(all), top.Key(f.sort), time.Now()))
}

func (a *app) topLive(ctx context.Context, f *topFlags, s *usage.Sampler, out *os.File) error {
	ctx, cancel := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGHUP)
	defer cancel()
	colours := lipgloss.NewRenderer(out)
	colours.SetHasDarkBackground(true) // else it asks the terminal
	model := top.Model{By: top.Key(f.sort), Bold: colours.NewStyle().Bold(true), Dim: colours.NewStyle().Faint(true)}
	program := tea.NewProgram(model, tea.WithInput(a.in), tea.WithOutput(out),
		tea.WithoutSignalHandler(), tea.WithoutCatchPanics(), tea.WithFPS(20), tea.WithAltScreen())
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			all, err := s.Next()
			if err != nil {
				program.Send(top.Failed{Err: err})
				return
			}
			program.Send(top.Sampled{Tasks: topTasks(all), At: time.Now()})
			if !pauseFor(ctx, time.Duration(f.interval)) {
				program.Quit()
				return
			}
		}
	})
	ended, err := program.Run()
	cancel()
	owned.Wait()
	if err != nil {
		return err
	}
	return ended.(top.Model).Err()
}

func topTasks(all []usage.Now) []top.Task {
	var tasks []top.Task
	for _, n := range all {
		tasks = append(tasks, top.Task{ID: n.ID, Rows: n.Rows, Disk: n.Sample.Disk, Note: topNote(n)})
	}
	return tasks
}

// topNote is what must be known to read the figures.
func topNote(n usage.Now) string {
	switch {
	case n.Err != nil:
		return show.Printable(n.Err.Error())
	case len(n.Rows) == 0 && n.State.State != "":
		return string(n.State.State)
	case len(n.Rows) == 0:
		return "not begun"
	case n.Sample.Source == usage.FromProcesses:
		return "no groups: sums over its processes"
	case n.State.Pause != nil:
		return "paused"
	}
	return ""
}
