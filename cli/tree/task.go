package tree

import "time"

// Task is what is shown.
type Task struct {
	ID      string
	State   string
	Reason  string
	Began   time.Time
	Over    time.Time // zero while it lives
	Trouble string    // what is wrong with Dewar itself; empty is well
	Rows    []Row     // in the order of the file
}

// Row is one process.
type Row struct {
	Process string
	Final   bool
	State   string        // WAITING, FORKED, RUNNING, SUCCESS, FAILED, KILLED, LOST
	Run     int           // number of the last run; -1: none yet
	Since   time.Time     // when the live run began; zero if none lives
	Took    time.Duration // how long the last run took, if none lives
	Note    string        // why it waits, how it ended
	Line    string        // what it said last, where that is known of its end
}

// rank says how much a row matters when there is not room for all.
func (r Row) rank() int {
	switch r.State {
	case "FORKED", "RUNNING":
		return 0
	case "FAILED", "LOST":
		return 1
	case "WAITING":
		return 2
	}
	return 3
}

// fit chooses at most room rows, those that matter most, in the order of the
// file; left are the others.
func fit(rows []Row, room int) (shown, left []Row) {
	if len(rows) <= room {
		return rows, nil
	}
	var chosen [4]int
	for _, r := range rows {
		chosen[r.rank()]++
	}
	for rank := range chosen {
		chosen[rank] = min(chosen[rank], room)
		room -= chosen[rank]
	}
	for _, r := range rows {
		if chosen[r.rank()] > 0 {
			chosen[r.rank()]--
			shown = append(shown, r)
		} else {
			left = append(left, r)
		}
	}
	return shown, left
}
