package top

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/observer/usage"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func row(process string, cpu float64, memory, pids int64) usage.Row {
	return usage.Row{Process: process, Figures: usage.Figures{
		CPU: cpu, Throttled: -1, Memory: memory, MemoryLimit: -1, MemoryPeak: -1, Pids: pids, PidsLimit: -1, Read: -1, Write: -1,
		PressureCPU: -1, PressureMemory: -1, PressureIO: -1,
	}}
}

func tasks() []Task {
	full := row("", 150.26, 300<<20, 12)
	full.Throttled, full.MemoryLimit, full.MemoryPeak, full.PidsLimit = 12.5, 512<<20, 310<<20, 4096
	full.Read, full.Write, full.PressureCPU, full.PressureMemory, full.PressureIO = 0, 1536, 1.2, 0, 99.9
	return []Task{
		{ID: "idle", Rows: []usage.Row{row("", 0, 1<<20, 1), row("sleep", 0, 1<<20, 1)}, Note: "paused"},
		{ID: "busy", Rows: []usage.Row{full, row("db", 50, 200<<20, 2), row("web", 100.26, 100<<20, 10)},
			Disk: &usage.Disk{Used: 5 << 20, Allowed: 1 << 30, At: now.Add(-3 * time.Second)}},
		{ID: "gone", Note: "KILLED"},
	}
}

func TestText(t *testing.T) {
	const want = `TASK     CPU%  HELD%  MEMORY  LIMIT  PEAK     PIDS  READ/s  WRITE/s  PSI-CPU  MEM    IO
busy      150   12.5    300M   512M  310M  12/4096       0     1.5K      1.2  0.0  99.9  disk 5.0M/1.0G, 3s old
  web     100      -    100M      -     -       10       -        -        -    -     -
  db     50.0      -    200M      -     -        2       -        -        -    -     -
idle      0.0      -    1.0M      -     -        1       -        -        -    -     -  paused
  sleep   0.0      -    1.0M      -     -        1       -        -        -    -     -
gone                                                                                     KILLED
`
	if diff := cmp.Diff(want, Text(tasks(), ByCPU, now)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func order(by Key) string {
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(Text(tasks(), by, now)), "\n")[1:] {
		names = append(names, strings.Fields(line)[0])
	}
	return strings.Join(names, " ")
}

func TestSort(t *testing.T) {
	for by, want := range map[Key]string{
		ByCPU:    "busy web db idle sleep gone",
		ByMemory: "busy db web idle sleep gone",
		ByPids:   "busy web db idle sleep gone",
		ByIO:     "busy db web idle sleep gone",
	} {
		if got := order(by); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	if before := tasks(); cmp.Diff(before, func() []Task { Sort(before, ByMemory); return before }()) != "" {
		t.Error("sorting changes what was given")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{-1: "-", 0: "0", 999: "999", 1000: "1.0K", 1536: "1.5K", 10 << 10: "10K", 1023 << 10: "1.0M", 340 << 20: "340M", 1 << 62: "4096P"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) is %q, want %q", n, got, want)
		}
	}
	for p, want := range map[float64]string{-1: "-", 0: "0.0", 12.34: "12.3", 99.94: "99.9", 100: "100", 1234.5: "1234"} {
		if got := percent(p); got != want {
			t.Errorf("percent(%v) is %q, want %q", p, got, want)
		}
	}
}

func feed(m Model, msgs ...tea.Msg) (Model, bool) {
	quits := false
	for _, msg := range msgs {
		next, cmd := m.Update(msg)
		m = next.(Model)
		if cmd != nil {
			_, quit := cmd().(tea.QuitMsg)
			quits = quits || quit
		}
	}
	return m, quits
}

func key(text string) tea.Msg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text)} }

func TestView(t *testing.T) {
	m, _ := feed(Model{By: ByCPU}, tea.WindowSizeMsg{Width: 60, Height: 6})
	if !strings.Contains(m.View(), "sampling") {
		t.Errorf("before the first sample:\n%s", m.View())
	}
	m, _ = feed(m, Sampled{Tasks: tasks(), At: now})
	check := func(first, foot string) {
		t.Helper()
		lines := strings.Split(strings.TrimSuffix(m.View(), "\n"), "\n")
		if len(lines) > 6 {
			t.Errorf("%d lines on a terminal of 6:\n%s", len(lines), m.View())
		}
		for _, line := range lines {
			if ansi.StringWidth(line) > 60 {
				t.Errorf("too wide: %q", line)
			}
		}
		if !strings.HasPrefix(strings.TrimSpace(lines[1]), first) || !strings.Contains(lines[len(lines)-1], foot) {
			t.Errorf("want %q first, and %q:\n%s", first, foot, m.View())
		}
	}
	check("busy", "lines 1 to 4 of 6; q quits; sorted by cpu")
	m, _ = feed(m, key("j"))
	check("web", "lines 2 to 5")
	m, _ = feed(m, key(" "), key(" "), key(" "))
	check("db", "lines 3 to 6 of 6")
	m, _ = feed(m, key("k"))
	check("web", "lines 2 to 5")
	m, _ = feed(m, key("m"), key("j"))
	check("db", "sorted by memory")
	if _, quits := feed(m, key("q")); !quits {
		t.Error("q does not quit")
	}
	m, _ = feed(m, Sampled{At: now})
	check("", "no task is active")
}

// What matters most is there on a narrow window, too: that a task is paused, and
// what lines are sorted by.
func TestNarrow(t *testing.T) {
	for _, c := range []struct {
		width int
		by    Key
		head  []string
	}{
		{200, ByCPU, head[:12]},
		{90, ByCPU, head[:10]},
		{80, ByCPU, head[:9]},
		{64, ByIO, []string{"TASK", "CPU%", "MEMORY", "LIMIT", "PIDS", "READ/s", "WRITE/s"}},
		{40, ByMemory, []string{"TASK", "CPU%", "MEMORY", "PIDS"}},
	} {
		m, _ := feed(Model{By: c.by}, tea.WindowSizeMsg{Width: c.width, Height: 24}, Sampled{Tasks: tasks(), At: now})
		lines := strings.Split(m.View(), "\n")
		if diff := cmp.Diff(c.head, strings.Fields(lines[0])); diff != "" {
			t.Errorf("%d columns, -want +got:\n%s", c.width, diff)
		}
		if !strings.Contains(m.View(), "  paused\n") {
			t.Errorf("%d columns:\n%s", c.width, m.View())
		}
	}
	tasks := tasks()[:1] // of which little is known
	m, _ := feed(Model{By: ByCPU}, tea.WindowSizeMsg{Width: 80, Height: 24}, Sampled{Tasks: tasks, At: now})
	if diff := cmp.Diff(head[:9], strings.Fields(strings.Split(m.View(), "\n")[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// However small a terminal is, no line of it is scrolled away.
func TestTiny(t *testing.T) {
	for height := 1; height < 6; height++ {
		m, _ := feed(Model{By: ByCPU}, tea.WindowSizeMsg{Width: 20, Height: height}, Sampled{Tasks: tasks(), At: now})
		if lines := strings.Split(m.View(), "\n"); len(lines) > height || !strings.HasPrefix(lines[0], "TASK") {
			t.Errorf("on %d lines:\n%s", height, m.View())
		}
	}
}

func TestFailed(t *testing.T) {
	m, quits := feed(Model{}, Failed{Err: tea.ErrInterrupted})
	if !quits || m.Err() != tea.ErrInterrupted {
		t.Errorf("%v, %v", quits, m.Err())
	}
}

func TestParseKey(t *testing.T) {
	for _, k := range Keys {
		if got, err := ParseKey(string(k)); got != k || err != nil {
			t.Errorf("%q: %q, %v", k, got, err)
		}
	}
	if _, err := ParseKey("colour"); err == nil {
		t.Error("tasks are sorted by colour")
	}
}
