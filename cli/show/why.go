package show

import (
	"fmt"
	"strings"

	"github.com/dewarhq/dewar/supervisor/machine"
)

// Tail is what a run that failed said last on stderr.
type Tail struct {
	Process string   `json:"process"`
	Run     int      `json:"run"`
	Lines   []string `json:"lines"`
}

const (
	mostTails = 4
	mostLines = 10 // of one tail: the answer is to fit on a screen
)

// Tails are the last words of a process' last run, or, with process empty, of
// all processes that failed for good or failed last.
func Tails(s machine.State, process string) []Tail {
	tails := []Tail{}
	for _, p := range s.Processes {
		last := ended(&p)
		if last == nil || last.Tail == "" || process != "" && p.Name != process {
			continue
		}
		if process == "" && (last.State != machine.RunFailed || len(tails) == mostTails) {
			continue
		}
		tails = append(tails, Tail{p.Name, last.Run, lastLines(last.Tail)})
	}
	return tails
}

// ended is the last run that has ended; nil if there is none.
func ended(p *machine.ProcessState) *machine.Run {
	for i := len(p.History) - 1; i >= 0; i-- {
		if !p.History[i].Live() {
			return &p.History[i]
		}
	}
	return nil
}

func lastLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = lines[max(0, len(lines)-mostLines):]
	for i, l := range lines {
		lines[i] = Printable(strings.TrimRight(l, "\r"))
	}
	return lines
}

// Why is the answer to why a task or a process is as it is: a screen.
func Why(id string, trouble, causes []string, tails []Tail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "task %s\n", id)
	for _, t := range trouble {
		fmt.Fprintf(&b, "! %s\n", Printable(t))
	}
	for _, c := range causes {
		fmt.Fprintf(&b, "  %s\n", Printable(c))
	}
	if len(trouble)+len(causes) == 0 {
		b.WriteString("  nothing is known of it yet\n")
	}
	for _, t := range tails {
		fmt.Fprintf(&b, "\nlast of stderr of run %d of %s:\n", t.Run, Printable(t.Process))
		for _, l := range t.Lines {
			fmt.Fprintf(&b, "  | %s\n", l)
		}
	}
	return b.String()
}
