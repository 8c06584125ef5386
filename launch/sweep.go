package launch

import (
	"fmt"
	"slices"
	"time"
)

// Old is a finished task.
type Old struct {
	ID    string    `json:"id"`
	Ended time.Time `json:"ended"`
	Size  int64     `json:"size"` // bytes on disk
}

// Limits say how much of the past is kept. A zero field does not limit.
type Limits struct {
	Age   time.Duration // since the end
	Count int           // finished tasks
	Size  int64         // bytes of all finished tasks together
}

// Choice is a task that goes, and by which limit.
type Choice struct {
	Old
	Reason string `json:"reason"`
}

// Choose says which tasks go so that what stays is within the limits. The
// newest stay: what is older than one that goes, goes. The choice is ordered,
// oldest first.
func Choose(all []Old, l Limits, now time.Time) []Choice {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Old) int { return b.Ended.Compare(a.Ended) })
	var out []Choice
	kept, size, fits := 0, int64(0), true
	for _, o := range all {
		reason := ""
		switch {
		case l.Age > 0 && now.Sub(o.Ended) > l.Age:
			reason = fmt.Sprintf("it ended more than %s ago", l.Age)
		case l.Count > 0 && kept >= l.Count:
			reason = fmt.Sprintf("%d newer ones stay", l.Count)
		case l.Size > 0 && !(fits && size+o.Size <= l.Size):
			fits = false
			reason = fmt.Sprintf("with the newer ones it would take more than %d bytes", l.Size)
		}
		if reason != "" {
			out = append(out, Choice{o, reason})
			continue
		}
		kept++
		size += o.Size
	}
	slices.Reverse(out)
	return out
}
