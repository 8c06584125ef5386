package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// The messages that a sampler sends.
type (
	// Sampled: the tasks are now like this.
	Sampled struct {
		Tasks []Task
		At    time.Time
	}
	// Failed: nothing can be sampled any more.
	Failed struct{ Err error }
)

// Model is the live view.
type Model struct {
	By    Key
	Bold  lipgloss.Style
	Dim   lipgloss.Style
	tasks []Task
	at    time.Time // of the last sample

	width, height int
	above         int // lines that are scrolled out of the window
	over          bool
	err           error
}

// Err is why it ended, if nobody asked for that.
func (m Model) Err() error { return m.err }

// Init does nothing: samples come from outside.
func (m Model) Init() tea.Cmd { return nil }

// Update folds one message.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		return m.key(msg)
	case Sampled:
		m.tasks, m.at = msg.Tasks, msg.At
	case Failed:
		m.err, m.over = msg.Err, true
		return m, tea.Quit
	}
	return m, nil
}

// sorts are the keys of the keyboard.
var sorts = map[string]Key{"c": ByCPU, "m": ByMemory, "p": ByPids, "i": ByIO}

func (m Model) key(k tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch k.String() {
	case "q", "ctrl+c", "esc":
		m.over = true
		return m, tea.Quit
	case "ctrl+z":
		return m, tea.Suspend
	case "down", "j":
		m.above++
	case "up", "k":
		m.above--
	case "pgdown", " ":
		m.above += m.room()
	case "pgup":
		m.above -= m.room()
	default:
		if by, ok := sorts[k.String()]; ok {
			m.By, m.above = by, 0
		}
	}
	m.above = max(0, min(m.above, m.lines()-m.room()))
	return m, nil
}

// lines is how many there are below the head.
func (m Model) lines() (n int) {
	for _, t := range m.tasks {
		n += max(1, len(t.Rows))
	}
	return n
}

const (
	usualWidth  = 80
	usualHeight = 24
)

// room is how many lines there is room for between head and foot.
func (m Model) room() int {
	height := m.height
	if height <= 0 {
		height = usualHeight
	}
	return max(1, height-2)
}

// View draws it. It never takes more lines than the terminal has.
func (m Model) View() string {
	width := m.width
	if width <= 0 {
		width = usualWidth
	}
	all := align(fit(table(Sort(m.tasks, m.By), m.at), width, m.By))
	lines := []string{m.Bold.Render(ansi.Truncate(all[0], width, "…"))}
	below := all[1:]
	if m.height == 1 {
		return lines[0]
	}
	above := max(0, min(m.above, len(below)-m.room()))
	end := min(len(below), above+m.room())
	for _, line := range below[above:end] {
		lines = append(lines, ansi.Truncate(line, width, "…"))
	}
	if m.height == 2 {
		return strings.Join(lines, "\n")
	}
	lines = append(lines, m.Dim.Render(ansi.Truncate(m.foot(len(below), above, end), width, "…")))
	return strings.Join(lines, "\n")
}

func (m Model) foot(lines, above, end int) string {
	if m.over {
		return ""
	}
	text := "q quits; sorted by " + string(m.By)
	for _, key := range []string{"c", "m", "p", "i"} {
		if by := sorts[key]; by != m.By {
			text += fmt.Sprintf(", %s: %s", key, by)
		}
	}
	switch {
	case m.at.IsZero():
		text = "sampling; " + text
	case lines == 0:
		text = "no task is active; " + text
	case end-above < lines:
		text = fmt.Sprintf("lines %d to %d of %d; ", above+1, end, lines) + text
	}
	return text
}

// ParseKey reads one.
func ParseKey(text string) (Key, error) {
	if k := Key(text); slices.Contains(Keys, k) {
		return k, nil
	}
	return "", fmt.Errorf("%q is nothing to sort by: write cpu, memory, pids or io", text)
}
