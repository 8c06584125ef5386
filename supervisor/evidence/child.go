package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Word is the first argument of a program of ours that is to gather evidence,
// and to call Main with the second.
const Word = "@evidence"

const (
	exitNoRoom = 3
	exitFailed = 4
)

// about is what the child is asked about.
type about string

const (
	aboutAll       about = "what processes and logs say"
	aboutProcesses about = "what processes say"
	aboutLogs      about = "what logs say"
)

// question is what the child is asked.
type question struct {
	About  about         `json:"about"`
	Into   string        `json:"into"` // the directory
	Within time.Duration `json:"within"`
	Dir    task.Dir      `json:"dir"`
	Run    task.RunID    `json:"run"`
	UID    int           `json:"uid"`
	Pid    int           `json:"pid"`
	Start  uint64        `json:"start"`
	Place  *cgroup.Place `json:"place,omitempty"`
}

// Main is the child that asks processes and logs. It answers its exit status; on
// stderr it says what is missing.
func Main(argument string) int {
	var q question
	if err := json.Unmarshal([]byte(argument), &q); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	ctx, cancel := context.WithTimeout(context.Background(), q.Within)
	defer cancel()
	missing, err := q.answer(ctx)
	for _, what := range missing {
		fmt.Fprint(os.Stderr, what, "; ")
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		fmt.Fprintln(os.Stderr, err)
		return exitNoRoom
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "some of what processes say: the time was up")
	}
	return 0
}

// answer writes all files at once, so that none waits for one that is held up.
func (q *question) answer(ctx context.Context) (missing []string, err error) {
	var mutex sync.Mutex
	var all sync.WaitGroup
	note := func(what string, e error) {
		mutex.Lock()
		defer mutex.Unlock()
		if what != "" {
			missing = append(missing, what)
		}
		err = errors.Join(err, e)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if q.About != aboutProcesses {
			all.Go(func() { note(q.tail(stream)) })
		}
	}
	if q.About != aboutLogs {
		q.askProcesses(ctx, &all, note)
	}
	all.Wait()
	return missing, err
}

// askProcesses begins to write what there is to be said of processes.
func (q *question) askProcesses(ctx context.Context, all *sync.WaitGroup, note func(string, error)) {
	pids, listErr := q.pids()
	if listErr != nil {
		note("who is of the run: "+listErr.Error(), nil)
	}
	for name, each := range map[string]struct {
		most int
		fill func(context.Context, *sheet, []int)
	}{
		"procs.txt":    {mostProcs, fillProcs},
		"sockets.txt":  {mostSockets, fillSockets},
		"cmdlines.txt": {mostCmdlines, fillCmdlines},
	} {
		if len(pids) > 0 {
			all.Go(func() { note("", q.sheet(ctx, name, each.most, pids, each.fill)) })
		}
	}
}

func (q *question) sheet(ctx context.Context, name string, most int, pids []int, fill func(context.Context, *sheet, []int)) error {
	s, err := newSheet(filepath.Join(q.Into, name), most)
	if err != nil {
		return err
	}
	fill(ctx, s, pids)
	return s.close()
}

// tail writes the end of a log. A log that cannot be had is missing.
func (q *question) tail(stream string) (missing string, err error) {
	text, err := sandbox.LogEnd(q.Dir, q.Run, stream, q.UID, mostTail-len(cutOff))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return stream + ": " + err.Error(), nil
	}
	return "", write(filepath.Join(q.Into, stream+".tail"), mostTail, text)
}

// pids are the processes of the run, its main one first.
func (q *question) pids() (pids []int, err error) {
	alive := q.Pid != 0 && shim.Alive(q.Pid, q.Start)
	if q.Place != nil {
		pids, err = cgroup.Open(*q.Place).Process(q.Run.Process).Procs()
	} else if alive {
		pids, err = family(q.Pid)
	}
	pids = slices.DeleteFunc(pids, func(pid int) bool { return pid == 0 || pid == q.Pid })
	if alive {
		pids = slices.Insert(pids, 0, q.Pid)
	}
	return pids, err
}

// family is everyone in a process' session, and everyone below it.
func family(pid int) (pids []int, err error) {
	everyone, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var stats []shim.Stat
	for _, e := range everyone {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "%d", &n); err != nil || strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		if s, err := shim.ReadStat(n); err == nil {
			stats = append(stats, s)
		}
	}
	of := map[int]bool{pid: true}
	for known := 0; known < len(of); { // a child may come before its parent
		known = len(of)
		for _, s := range stats {
			if s.Sid == pid || of[s.Ppid] {
				of[s.Pid] = true
			}
		}
	}
	for _, s := range stats {
		if of[s.Pid] {
			pids = append(pids, s.Pid)
		}
	}
	return pids, nil
}
