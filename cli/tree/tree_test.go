package tree

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func stack() Task {
	return Task{
		ID: "stack-1", State: "ACTIVE", Began: noon,
		Rows: []Row{
			{Process: "migrate", State: "SUCCESS", Run: 0, Took: 250 * time.Millisecond, Note: "exit 0"},
			{Process: "web server", State: "RUNNING", Run: 2, Since: noon.Add(2 * time.Second), Line: "listening \x1b[31mon 80"},
			{Process: "load", State: "WAITING", Run: -1, Note: "for web server to be ready"},
			{Process: "save", State: "WAITING", Run: -1, Final: true},
		},
	}
}

func at(seconds int) Model {
	return Model{Task: stack(), Now: noon.Add(time.Duration(seconds) * time.Second), width: 80, height: 24}
}

func TestView(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Model)
		want   string
	}{
		{"usual", func(*Model) {}, `
stack-1  ACTIVE  1m05s  1 of 4 done
├─ migrate     SUCCESS  run 0    250ms  exit 0
├─ web server  RUNNING  run 2    1m03s  listening ·[31mon 80
├─ load        WAITING                  for web server to be ready
└─ save        WAITING                  finalizer
^C asks the task to end
`},
		{"narrow", func(m *Model) { m.width = 30 }, `
stack-1  ACTIVE  1m05s  1 of …
├─ migrate     SUCCESS  run 0…
├─ web server  RUNNING  run 2…
├─ load        WAITING       …
└─ save        WAITING       …
^C asks the task to end
`},
		{"low", func(m *Model) { m.height = 5 }, `
stack-1  ACTIVE  1m05s  1 of 4 done
├─ web server  RUNNING  run 2    1m03s  listening ·[31mon 80
├─ load        WAITING                  for web server to be ready
└─ and 2 more: 1 WAITING, 1 SUCCESS
^C asks the task to end
`},
		{"trouble of ours", func(m *Model) { m.Task.Trouble = "the brain keeps dying" }, `
stack-1  ACTIVE  1m05s  1 of 4 done
├─ migrate     SUCCESS  run 0    250ms  exit 0
├─ web server  RUNNING  run 2    1m03s  listening ·[31mon 80
├─ load        WAITING                  for web server to be ready
└─ save        WAITING                  finalizer
the brain keeps dying
^C asks the task to end
`},
		{"refused", func(m *Model) { m.asked, m.trouble = 1, errors.New("you are not its owner") }, `
stack-1  ACTIVE  1m05s  1 of 4 done
├─ migrate     SUCCESS  run 0    250ms  exit 0
├─ web server  RUNNING  run 2    1m03s  listening ·[31mon 80
├─ load        WAITING                  for web server to be ready
└─ save        WAITING                  finalizer
the kill was refused: you are not its owner
asked to end; ^C again ends it at once
`},
		{"over", func(m *Model) {
			m.over = true
			m.Task.State, m.Task.Reason, m.Task.Over = "FAILED", "web server failed", noon.Add(10*time.Second)
			m.Task.Rows = m.Task.Rows[:1]
		}, `
stack-1  FAILED  10s  1 of 1 done  web server failed
└─ migrate  SUCCESS  run 0    250ms  exit 0
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := at(65)
			test.change(&m)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), m.View()); diff != "" {
				t.Errorf("the picture (-want +got):\n%s", diff)
			}
		})
	}
}

func TestViewFits(t *testing.T) {
	m := at(1)
	for i := range 10000 {
		m.Task.Rows = append(m.Task.Rows, Row{Process: fmt.Sprintf("p%d 日本", i), State: "WAITING", Run: -1, Note: strings.Repeat("because ", 40)})
	}
	r := lipgloss.NewRenderer(&strings.Builder{})
	r.SetColorProfile(termenv.ANSI)
	r.SetHasDarkBackground(true)
	m.Styles = NewStyles(r)
	for _, size := range []struct{ w, h int }{{80, 24}, {1, 1}, {20, 3}, {200, 60}, {0, 0}} {
		m.width, m.height = size.w, size.h
		w, h := size.w, size.h
		if w == 0 {
			w, h = usualWidth, usualHeight
		}
		picture := m.View()
		if n := strings.Count(picture, "\n"); n > max(h, 4) {
			t.Errorf("on %d lines it takes %d", h, n)
		}
		for line := range strings.Lines(picture) {
			if got := lipgloss.Width(strings.TrimSuffix(line, "\n")); got > w {
				t.Errorf("a line is %d of %d columns wide: %q", got, w, line)
			}
		}
	}
}

func TestColours(t *testing.T) {
	r := lipgloss.NewRenderer(&strings.Builder{})
	r.SetColorProfile(termenv.ANSI)
	r.SetHasDarkBackground(true)
	m := at(1)
	m.Styles = NewStyles(r)
	if !strings.Contains(m.View(), "\x1b[36mRUNNING\x1b[0m") {
		t.Errorf("RUNNING has no colour: %q", m.View())
	}
}

// kills is a model that writes down how it was asked to kill.
func kills() (Model, *[]bool) {
	var asked []bool
	m := at(0)
	m.Kill = func(atOnce bool) tea.Cmd {
		return func() tea.Msg {
			asked = append(asked, atOnce)
			return Asked{}
		}
	}
	return m, &asked
}

// step folds a message, and what its command answers.
func step(t *testing.T, m Model, msg tea.Msg) (Model, tea.Msg) {
	t.Helper()
	next, cmd := m.Update(msg)
	m = next.(Model)
	if cmd == nil {
		return m, nil
	}
	answer := cmd()
	if a, ok := answer.(Asked); ok {
		next, _ = m.Update(a)
		m = next.(Model)
	}
	return m, answer
}

func TestInterrupt(t *testing.T) {
	m, asked := kills()
	m, _ = step(t, m, tea.KeyMsg{Type: tea.KeyCtrlC})
	if !strings.Contains(m.View(), "^C again ends it at once") {
		t.Errorf("after one ^C it does not say what another does:\n%s", m.View())
	}
	m, _ = step(t, m, Interrupted{})
	m, _ = step(t, m, tea.KeyMsg{Type: tea.KeyCtrlC})
	if diff := cmp.Diff([]bool{false, true, true}, *asked); diff != "" {
		t.Errorf("kills asked for, at once (-want +got):\n%s", diff)
	}
	if !strings.Contains(m.View(), "asked to end at once") {
		t.Errorf("it does not say that it was asked to end at once:\n%s", m.View())
	}
	step(t, m, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")})
	if len(*asked) != 3 {
		t.Error("another key asked for a kill")
	}
}

func TestMessages(t *testing.T) {
	m := at(0)
	changed := stack()
	changed.State = "CLEANING"
	m, _ = step(t, m, Changed{changed})
	m, _ = step(t, m, tea.WindowSizeMsg{Width: 40, Height: 7})
	if m.Task.State != "CLEANING" || m.width != 40 || m.height != 7 {
		t.Errorf("the model is %+v", m)
	}
	next, cmd := m.Update(second(noon.Add(5 * time.Second)))
	if m = next.(Model); !m.Now.Equal(noon.Add(5*time.Second)) || cmd == nil {
		t.Error("a second has passed, and either the clock stands still or it is not asked for the next")
	}
	if _, answer := step(t, m, Said{[]string{"a", "b"}}); fmt.Sprintf("%v", answer) != "{a\nb}" {
		t.Errorf("what was said is answered with %v", answer)
	}
	m.Task.Rows[1].Line = ""
	m.width = 0
	before, _ := step(t, m, Logged{map[string]string{"web server": "one", "load": "not shown: it does not run"}})
	m, _ = step(t, before, Logged{map[string]string{"web server": "two"}})
	if !strings.Contains(m.View(), "  two") || !strings.Contains(before.View(), "  one") || strings.Contains(m.View(), "not shown") {
		t.Errorf("the last lines:\n%s", m.View())
	}
	over := stack()
	over.State = "SUCCESS"
	m, answer := step(t, m, Over{over})
	if _, quit := answer.(tea.QuitMsg); !quit || m.Task.State != "SUCCESS" || m.Err() != nil {
		t.Errorf("at the end: %v, %+v", answer, m)
	}
	m, answer = step(t, at(0), Failed{errors.New("gone")})
	if _, quit := answer.(tea.QuitMsg); !quit || m.Err() == nil {
		t.Errorf("after a failure: %v, %v", answer, m.Err())
	}
}
