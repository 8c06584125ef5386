package top

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer/usage"
)

// Task is one task and what it uses.
type Task struct {
	ID   string
	Note string      // what is to be said of it beside its figures
	Rows []usage.Row // the task's first; none if nothing is known
	Disk *usage.Disk
}

// Key is what lines are sorted by, the largest first.
type Key string

const (
	ByCPU    Key = "cpu"
	ByMemory Key = "memory"
	ByPids   Key = "pids"
	ByIO     Key = "io"
)

// Keys are all of them.
var Keys = []Key{ByCPU, ByMemory, ByPids, ByIO}

func (k Key) of(f usage.Figures) float64 {
	switch k {
	case ByMemory:
		return float64(f.Memory)
	case ByPids:
		return float64(f.Pids)
	case ByIO:
		return f.Read + f.Write
	}
	return f.CPU
}

// Sort sorts tasks, and the processes within each. Those that are equal keep
// their order.
func Sort(tasks []Task, by Key) []Task {
	tasks = slices.Clone(tasks)
	whole := func(t Task) float64 {
		if len(t.Rows) == 0 {
			return -2
		}
		return by.of(t.Rows[0].Figures)
	}
	slices.SortStableFunc(tasks, func(a, b Task) int { return cmp.Compare(whole(b), whole(a)) })
	for i := range tasks {
		if len(tasks[i].Rows) > 1 {
			tasks[i].Rows = slices.Clone(tasks[i].Rows)
			slices.SortStableFunc(tasks[i].Rows[1:], func(a, b usage.Row) int { return cmp.Compare(by.of(b.Figures), by.of(a.Figures)) })
		}
	}
	return tasks
}

var head = []string{"TASK", "CPU%", "HELD%", "MEMORY", "LIMIT", "PEAK", "PIDS", "READ/s", "WRITE/s", "PSI-CPU", "MEM", "IO", ""}

// table is the tasks as lines of cells: the head first.
func table(tasks []Task, now time.Time) [][]string {
	rows := [][]string{head}
	for _, t := range tasks {
		if len(t.Rows) == 0 {
			rows = append(rows, append(append([]string{name(t.ID)}, make([]string, len(head)-2)...), t.Note))
		}
		for i, r := range t.Rows {
			title, note := "  "+name(r.Process), ""
			if i == 0 {
				title, note = name(t.ID), t.note(now)
			}
			rows = append(rows, cells(title, r.Figures, note))
		}
	}
	return rows
}

func cells(title string, f usage.Figures, note string) []string {
	return []string{
		title, percent(f.CPU), percent(f.Throttled), size(f.Memory), size(f.MemoryLimit), size(f.MemoryPeak),
		pids(f), speed(f.Read), speed(f.Write), percent(f.PressureCPU), percent(f.PressureMemory), percent(f.PressureIO), note,
	}
}

// note is what stands behind a task's figures.
func (t Task) note(now time.Time) string {
	var parts []string
	if t.Note != "" {
		parts = append(parts, show.Printable(t.Note))
	}
	if d := t.Disk; d != nil {
		text := "disk " + size(d.Used)
		if d.Allowed > 0 {
			text += "/" + size(d.Allowed)
		}
		parts = append(parts, text+", "+show.Span(now.Sub(d.At))+" old")
	}
	return strings.Join(parts, "; ")
}

const nameMost = 32 // columns

func name(s string) string { return ansi.Truncate(show.Printable(s), nameMost, "…") }

// spared are the columns that a narrow window does without, the first one first.
// What lines are sorted by is not among them.
var spared = []string{"IO", "MEM", "PSI-CPU", "HELD%", "PEAK", "LIMIT", "WRITE/s", "READ/s"}

// noteLeast is how much of the last column a window is to have room for.
const noteLeast = 8

// fit leaves columns out until lines are no wider than the window: of those that
// are spared at first the ones in which nothing is known.
func fit(rows [][]string, width int, by Key) [][]string {
	for _, known := range []bool{false, true} {
		for _, title := range spared {
			if spread(rows) <= width {
				return rows
			}
			i := slices.Index(rows[0], title)
			says := func(row []string) bool { return row[i] != unknown && row[i] != "" }
			if i < 0 || by == ByIO && strings.HasSuffix(title, "/s") || !known && slices.ContainsFunc(rows[1:], says) {
				continue
			}
			for k, row := range rows {
				rows[k] = slices.Delete(slices.Clone(row), i, i+1)
			}
		}
	}
	return rows
}

// spread is how wide lines are, with no more of the notes than must be.
func spread(rows [][]string) int {
	total := 0
	widths := widthsOf(rows)
	for i, w := range widths {
		if i == len(widths)-1 {
			w = min(w, noteLeast)
		}
		total += w + 2
	}
	return total - 2
}

func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	return widths
}

// align makes lines of cells: the first and the last to the left, what is
// between them to the right.
func align(rows [][]string) []string {
	widths := widthsOf(rows)
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			blank := strings.Repeat(" ", widths[i]-ansi.StringWidth(cell))
			switch i {
			case 0:
				b.WriteString(cell + blank)
			case len(row) - 1:
				b.WriteString("  " + cell)
			default:
				b.WriteString("  " + blank + cell)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// Text is the tasks as plain text.
func Text(tasks []Task, by Key, now time.Time) string {
	return strings.Join(align(table(Sort(tasks, by), now)), "\n") + "\n"
}
