package tree

import (
	"maps"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// The messages that a follower sends.
type (
	// Changed: the task is now like this.
	Changed struct{ Task Task }
	// Logged: the last lines in the logs of processes, by name; others stay.
	Logged struct{ Lines map[string]string }
	// Said: processes wrote these lines on the console; printable.
	Said struct{ Lines []string }
	// Over: the task has ended, and looks like this.
	Over struct{ Task Task }
	// Interrupted: somebody wants the task to end, by ^C or by a signal.
	Interrupted struct{}
	// Asked: what came of asking for a kill; nil is well.
	Asked struct{ Err error }
	// Failed: the task cannot be followed any more.
	Failed struct{ Err error }
)

// second says that time has passed.
type second time.Time

// Model is the live tree.
type Model struct {
	Task Task
	Now  time.Time
	// Kill asks for the task's end, with grace or at once; its command
	// answers with Asked.
	Kill   func(atOnce bool) tea.Cmd
	Styles Styles

	lines         map[string]string // what processes logged last
	width, height int
	asked         int // how often a kill was asked for
	trouble       error
	over          bool
	err           error
}

// Err is why the tree ended before the task, if it did.
func (m Model) Err() error { return m.err }

// Init starts the clock.
func (m Model) Init() tea.Cmd { return tick() }

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return second(t) })
}

// Update folds one message.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case second:
		m.Now = time.Time(msg)
		return m, tick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		return m.key(msg)
	case Interrupted:
		return m.interrupt()
	case Changed:
		m.Task = msg.Task
	case Logged:
		m.lines = maps.Clone(m.lines)
		if m.lines == nil {
			m.lines = map[string]string{}
		}
		maps.Copy(m.lines, msg.Lines)
	case Said:
		return m, tea.Println(strings.Join(msg.Lines, "\n"))
	case Asked:
		m.trouble = msg.Err
	case Failed:
		m.err = msg.Err
		return m, tea.Quit
	case Over:
		m.Task, m.over = msg.Task, true
		return m, tea.Quit
	}
	return m, nil
}

func (m Model) key(k tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch k.Type {
	case tea.KeyCtrlC:
		return m.interrupt()
	case tea.KeyCtrlZ:
		return m, tea.Suspend
	}
	return m, nil
}

// interrupt asks for a kill: the first time with grace, from then on at once.
func (m Model) interrupt() (tea.Model, tea.Cmd) {
	if m.over {
		return m, nil
	}
	m.asked++
	m.trouble = nil
	return m, m.Kill(m.asked > 1)
}
