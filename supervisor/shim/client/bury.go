package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Bury kills what a dead shim has left of a task and returns when all of it
// has been seen gone; only then may a run be called lost. What it looks for:
// the main process of each status, by pid, start time and boot id; everything
// in the session of each; and every process whose environment carries
// DEWAR_TASK_ID=taskID and leads to dir. It looks again until it finds nothing,
// and then removes the shim's notify sockets.
// When ctx ends first, the error names who would not die. A process that has
// become another user's, such as of sudo, we may not kill, and it may live for
// ever: it is not waited for, all others are buried, and then the error names
// it, because its run is not over. One that is of no recorded session is of no
// run, and is left alone.
func Bury(ctx context.Context, dir task.Dir, taskID string, runs []shim.Status) error {
	g := grave{mark: "DEWAR_TASK_ID=" + taskID, dir: filepath.Clean(string(dir))}
	boot, err := shim.BootID()
	if err != nil {
		return fmt.Errorf("bury the processes of %s: %w", dir, err)
	}
	for _, s := range runs {
		if s.Boot == boot && s.Pid > 1 {
			g.mains = append(g.mains, s)
		}
	}
	err = g.empty(ctx)
	if err == nil {
		err = g.unkillable()
	}
	if err != nil {
		return fmt.Errorf("bury the processes of %s: %w", dir, err)
	}
	if err := removeNotify(g.dir); err != nil {
		return fmt.Errorf("remove the notify sockets of %s: %w", dir, err)
	}
	return nil
}

// BuryCommand likewise kills what is left of a command that somebody else than
// the shim has started: the main process (pid 0: it is not known), its session,
// and every process whose environment carries mark and leads to dir. A mark that
// ends in "=" is one of any value. The caller has not reaped the main process.
func BuryCommand(ctx context.Context, dir task.Dir, mark string, pid int, start uint64) error {
	g := grave{mark: mark, dir: filepath.Clean(string(dir))}
	if pid > 1 {
		g.mains, g.since = []shim.Status{{Pid: pid, Start: start}}, start
	}
	if err := g.empty(ctx); err != nil {
		return fmt.Errorf("bury what is left of %s: %w", mark, err)
	}
	return nil
}

// removeNotify removes the directories of a shim's notify sockets: those whose
// parent is ours, because below /tmp somebody else may have put a link there, and
// in /tmp itself those that are ours.
func removeNotify(dir string) error {
	for _, place := range shim.NotifyPlaces(dir, os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR")) {
		if !ownDir(filepath.Dir(place)) {
			continue
		}
		if err := os.RemoveAll(place); err != nil {
			return err
		}
	}
	others, err := filepath.Glob(shim.NotifyLastResort(dir) + "*")
	if err != nil {
		return err
	}
	for _, place := range others {
		if !ownDir(place) {
			continue
		}
		if err := os.RemoveAll(place); err != nil {
			return err
		}
	}
	return nil
}

// ownDir reports whether the path is a directory, not a link, and ours.
func ownDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir() && info.Sys().(*syscall.Stat_t).Uid == uint32(os.Geteuid())
}

// grave is what identifies a task's processes without their shim.
type grave struct {
	mains []shim.Status
	mark  string
	dir   string
	since uint64      // nobody who started earlier is looked for
	spare []shim.Stat // whom we may not kill
}

// empty kills until nothing is found, twice: who forks while we look, and has
// gone when we come to him, has a child that was not yet listed.
func (g *grave) empty(ctx context.Context) error {
	for none := 0; none < 2; {
		victims, err := g.find()
		if err != nil {
			return err
		}
		if len(victims) == 0 {
			none++
			continue
		}
		none = 0
		if err := g.kill(ctx, victims); err != nil {
			return err
		}
	}
	return nil
}

// find scans /proc for living processes of the task, ourselves excepted.
func (g *grave) find() ([]shim.Stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all, victims []shim.Stat
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 1 || pid == os.Getpid() {
			continue
		}
		if s, err := shim.ReadStat(pid); err == nil && !s.Dead() && s.Start >= g.since {
			all = append(all, s)
		}
	}
	for _, s := range all {
		if slices.ContainsFunc(g.spare, func(x shim.Stat) bool { return x.Pid == s.Pid && x.Start == s.Start }) {
			continue
		}
		if g.inSession(s) || g.marked(s) {
			victims = append(victims, s)
		}
	}
	return victims, nil
}

// inSession reports whether s is a recorded main process or a member of the
// session it led. The kernel gives a session's number to no new process while
// the session has members; a process of that number with another start time
// therefore says that the session is gone.
func (g *grave) inSession(s shim.Stat) bool {
	i := slices.IndexFunc(g.mains, func(m shim.Status) bool { return m.Pid == s.Sid || m.Pid == s.Pid })
	if i < 0 {
		return false
	}
	m := g.mains[i]
	if s.Pid == m.Pid {
		return s.Start == m.Start
	}
	leader, err := shim.ReadStat(m.Pid)
	return s.Start >= m.Start && (err != nil || leader.Start == m.Start)
}

// marked reports whether the environment of a process says that it is of this
// task, in this directory: task ids are unique only below one root.
func (g *grave) marked(s shim.Stat) bool {
	proc := "/proc/" + strconv.Itoa(s.Pid)
	b, err := os.ReadFile(proc + "/environ")
	const kthreadd, tries, moment = 2, 25, 20 * time.Microsecond
	for try := 0; try < tries && err == nil && len(b) == 0 && s.Ppid != kthreadd && s.Pid != kthreadd; try++ {
		time.Sleep(moment) // for some microseconds of an execve there is nothing to read
		b, err = os.ReadFile(proc + "/environ")
	}
	if err != nil { // it is gone, or another user's, which a task of ours is not
		return false
	}
	env := strings.Split(string(b), "\x00")
	if !slices.ContainsFunc(env, g.isMark) {
		return false
	}
	if slices.ContainsFunc(env, func(e string) bool { return leadsTo(e[strings.IndexByte(e, '=')+1:], g.dir) }) {
		return true
	}
	cwd, err := os.Readlink(proc + "/cwd")
	return err == nil && leadsTo(cwd, g.dir)
}

func (g *grave) isMark(entry string) bool {
	return entry == g.mark || strings.HasSuffix(g.mark, "=") && strings.HasPrefix(entry, g.mark)
}

func leadsTo(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// unkillable names those of a recorded session whom we may not kill and who
// live.
func (g *grave) unkillable() error {
	var errs []error
	for _, s := range g.spare {
		if shim.Alive(s.Pid, s.Start) && g.inSession(s) {
			errs = append(errs, fmt.Errorf("kill process %d (%s), which has become another user's: %w", s.Pid, procText(s.Pid, "comm"), unix.EPERM))
		}
	}
	return errors.Join(errs...)
}

// kill sends KILL to each victim, unless its pid has passed to somebody else,
// and waits until all have died. Whom we may not kill is spared.
func (g *grave) kill(ctx context.Context, victims []shim.Stat) error {
	type dying struct{ pid, fd int }
	var all []dying
	defer func() {
		for _, d := range all {
			unix.Close(d.fd)
		}
	}()
	for _, v := range victims {
		fd, err := unix.PidfdOpen(v.Pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return fmt.Errorf("open process %d: %w", v.Pid, err)
		}
		if !shim.Alive(v.Pid, v.Start) {
			unix.Close(fd)
			continue
		}
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		if errors.Is(err, unix.EPERM) {
			g.spare = append(g.spare, v)
			unix.Close(fd)
			continue
		}
		all = append(all, dying{v.Pid, fd})
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill process %d: %w", v.Pid, err)
		}
	}
	stop, err := doneFd(ctx)
	if err != nil {
		return err
	}
	defer stop.close()
	for _, d := range all {
		if err := stop.await(d.fd); err != nil {
			return fmt.Errorf("process %d (%s) does not die; it waits in %s: %w", d.pid, procText(d.pid, "comm"), procText(d.pid, "wchan"), err)
		}
	}
	return nil
}

// done is the end of a context as a descriptor that can be polled.
type done struct {
	ctx   context.Context
	fd    int
	unset func() bool
	told  chan struct{}
}

func doneFd(ctx context.Context) (*done, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	d := &done{ctx: ctx, fd: fd, told: make(chan struct{})}
	d.unset = context.AfterFunc(ctx, func() {
		defer close(d.told)
		if _, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			panic("write to an eventfd of our own: " + err.Error())
		}
	})
	return d, nil
}

func (d *done) close() {
	if !d.unset() {
		<-d.told
	}
	unix.Close(d.fd)
}

// await waits until a pidfd says that its process has died.
func (d *done) await(pidfd int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(d.fd), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case fds[0].Revents != 0:
			return nil
		case fds[1].Revents != 0:
			return d.ctx.Err()
		}
	}
}

// procText is a word of /proc/<pid>, for an error's sentence.
func procText(pid int, name string) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(b))
}
