package usage

import "time"

// Row is the figures of a task, or of one process of it.
type Row struct {
	Process string // empty: the whole task
	Figures
}

// Rows are the figures of a task at a moment, with the rates since an earlier
// sample; nil: there is none. The task comes first.
func Rows(before *Sample, now Sample) []Row {
	var took time.Duration
	var was Sample
	if before != nil && before.Source == now.Source {
		was, took = *before, now.At.Sub(before.At)
	}
	rows := []Row{{"", Between(was.Task, now.Task, took)}}
	for _, p := range now.Processes {
		var earlier Reading
		for _, old := range was.Processes {
			if old.Name == p.Name {
				earlier = old.Reading
			}
		}
		rows = append(rows, Row{p.Name, Between(earlier, p.Reading, took)})
	}
	return rows
}
