package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// file is a heartbeat: a file that somebody is to write to again and again.
type file struct {
	place Place
	path  string
	most  time.Duration
}

// Ask looks at when the file was last written, by the clock of the file's times.
func (f *file) Ask(time.Time) healthcheck.Answer {
	begun := time.Now()
	answer := f.look(begun)
	answer.Phase, answer.Latency = healthcheck.Exec, time.Since(begun)
	return answer
}

func (f *file) look(now time.Time) healthcheck.Answer {
	fd, err := f.place.open(f.path, unix.O_PATH)
	if err != nil {
		answer := failed(healthcheck.Exec, err)
		answer.Reason = healthcheck.Clean(fmt.Sprintf("look at %s: %v", f.path, err))
		if errors.Is(err, fs.ErrNotExist) {
			answer.Reason = healthcheck.Clean("there is no " + f.path)
		}
		return answer
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return failed(healthcheck.Exec, err)
	}
	age := now.Sub(time.Unix(st.Mtim.Unix())) // below 0 for a time to come, which is young
	if age > f.most {
		return healthcheck.Answer{Outcome: judge.Fail, Reason: healthcheck.Clean(fmt.Sprintf("%s was written %s ago, allowed are %s", f.path, age.Round(time.Millisecond), task.Duration(f.most)))}
	}
	return healthcheck.Answer{Outcome: judge.OK}
}

// Close has nothing to end.
func (f *file) Close() error { return nil }
