package tree

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/dewarhq/dewar/cli/show"
)

// Styles are the colours of the tree. The zero Styles has none.
type Styles struct {
	State map[string]lipgloss.Style
	Dim   lipgloss.Style
	Bold  lipgloss.Style
	Alarm lipgloss.Style
}

// NewStyles are the usual colours, as r can show them.
func NewStyles(r *lipgloss.Renderer) Styles {
	colour := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	return Styles{
		State: map[string]lipgloss.Style{
			"FORKED": colour("6"), "RUNNING": colour("6"), "SUCCESS": colour("2"),
			"FAILED": colour("1"), "LOST": colour("1"), "KILLED": colour("3"),
			"ACTIVE": colour("6"), "CLEANING": colour("3"), "FINALIZING": colour("3"),
		},
		Dim:   r.NewStyle().Faint(true),
		Bold:  r.NewStyle().Bold(true),
		Alarm: colour("1").Bold(true),
	}
}

const (
	usualWidth  = 80
	usualHeight = 24
	nameMost    = 30 // columns of a process' name
)

// View draws the tree. It never takes more lines than the terminal has.
func (m Model) View() string {
	width, height := m.width, m.height
	if width <= 0 {
		width = usualWidth
	}
	if height <= 0 {
		height = usualHeight
	}
	lines := []string{m.head()}
	foot := m.foot()
	room := max(1, height-len(lines)-len(foot)-1) // one for the sum of what is left out
	shown, left := fit(m.Task.Rows, room)
	names := 0
	for _, r := range shown {
		names = max(names, min(nameMost, ansi.StringWidth(r.Process)))
	}
	for i, r := range shown {
		branch := "├─ "
		if i == len(shown)-1 && len(left) == 0 {
			branch = "└─ "
		}
		lines = append(lines, m.Styles.Dim.Render(branch)+m.row(r, names))
	}
	if len(left) > 0 {
		lines = append(lines, m.Styles.Dim.Render("└─ "+sum(left)))
	}
	lines = append(lines, foot...)
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (m Model) head() string {
	t := m.Task
	head := m.Styles.Bold.Render(t.ID) + "  " + m.state(t.State, 0)
	if !t.Began.IsZero() {
		took := t.Over.Sub(t.Began)
		if t.Over.IsZero() {
			took = m.Now.Sub(t.Began).Truncate(time.Second)
		}
		head += "  " + show.Span(took)
	}
	done := 0
	for _, r := range t.Rows {
		if r.Since.IsZero() && r.Run >= 0 && r.State != "WAITING" {
			done++
		}
	}
	head += fmt.Sprintf("  %d of %d done", done, len(t.Rows))
	if t.Reason != "" {
		head += "  " + show.Printable(t.Reason)
	}
	return head
}

func (m Model) row(r Row, names int) string {
	run, span := "", ""
	if r.Run >= 0 {
		run = "run " + strconv.Itoa(r.Run)
		took := r.Took
		if !r.Since.IsZero() {
			took = max(0, m.Now.Sub(r.Since)).Truncate(time.Second)
		}
		span = show.Span(took)
	}
	text := fmt.Sprintf("%s  %s  %-7s %6s", pad(r.Process, names), m.state(r.State, len("RUNNING")), run, span)
	note := show.Printable(r.Note)
	if r.Final && r.Run < 0 && note == "" {
		note = "finalizer"
	}
	if note != "" {
		text += "  " + note
	}
	line := r.Line
	if !r.Since.IsZero() && line == "" {
		line = m.lines[r.Process]
	}
	if line != "" {
		text += "  " + m.Styles.Dim.Render(show.Printable(line))
	}
	return strings.TrimRight(text, " ")
}

func (m Model) state(s string, width int) string {
	padded := pad(s, width)
	if style, ok := m.Styles.State[s]; ok {
		return style.Render(padded)
	}
	return padded
}

// foot is what is below the rows: what is wrong, and what ^C does.
func (m Model) foot() []string {
	var lines []string
	if m.Task.Trouble != "" && !m.over {
		lines = append(lines, m.Styles.Alarm.Render(show.Printable(m.Task.Trouble)))
	}
	if m.trouble != nil {
		lines = append(lines, m.Styles.Alarm.Render("the kill was refused: "+show.Printable(m.trouble.Error())))
	}
	switch {
	case m.over || m.err != nil:
	case m.asked == 0:
		lines = append(lines, m.Styles.Dim.Render("^C asks the task to end"))
	case m.asked == 1:
		lines = append(lines, "asked to end; ^C again ends it at once")
	default:
		lines = append(lines, "asked to end at once")
	}
	return lines
}

// sum says how many rows are not shown, by state.
func sum(rows []Row) string {
	count := map[string]int{}
	for _, r := range rows {
		count[r.State]++
	}
	var parts []string
	for _, state := range []string{"FORKED", "RUNNING", "FAILED", "LOST", "WAITING", "KILLED", "SUCCESS"} {
		if n := count[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return fmt.Sprintf("and %d more: %s", len(rows), strings.Join(parts, ", "))
}

// pad makes s exactly width columns wide, unless width is 0.
func pad(s string, width int) string {
	if width == 0 {
		return s
	}
	s = ansi.Truncate(show.Printable(s), width, "…")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}
