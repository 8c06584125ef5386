package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// ErrNoRoom says that the disk is too full for evidence.
var ErrNoRoom = errors.New("the disk is full")

// roomFor is how much room there has to be on a disk, in bytes: evidence is not
// what fills it.
const roomFor = 16 << 20

// Gather makes the bundle of a case, and returns when the context is done at the
// latest, give or take 100 ms; it has to have a deadline. What could not be had
// is missing, which reason.txt says. The error, an ErrNoRoom if it is that, says
// why there is no bundle.
func Gather(ctx context.Context, c Case) error {
	final := filepath.Join(string(c.Dir), c.Run.EvidenceDir(string(c.Why)))
	err := hasRoom(c.Dir)
	if err == nil {
		err = c.fill(ctx, final, final+".part")
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return errors.Join(fmt.Errorf("gather evidence of %s: %w", c.Run, err), os.RemoveAll(final+".part"))
}

func hasRoom(dir task.Dir) error {
	var st unix.Statfs_t
	if err := unix.Statfs(string(dir), &st); err != nil {
		return fmt.Errorf("ask how full the disk is: %w", err)
	}
	if room := int64(st.Bavail) * st.Bsize; room < roomFor {
		return fmt.Errorf("%w: it has room for %d KiB, and evidence is gathered only where there is room for %d", ErrNoRoom, room>>10, roomFor>>10)
	}
	return nil
}

// fill makes the bundle in part, which may be left over from a death, and moves
// it to where it belongs.
func (c *Case) fill(ctx context.Context, final, part string) error {
	if err := c.place(part); err != nil {
		return err
	}
	began := time.Now()
	err := write(filepath.Join(part, "groups.txt"), mostGroups, c.groups())
	if err == nil && c.Answers != nil {
		err = write(filepath.Join(part, "answers.json"), mostAnswers, c.Answers)
	}
	if err != nil {
		return err
	}
	missing, err := c.ask(ctx, part)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(part, "reason.txt"), 64<<10, c.preface(began, missing)); err != nil {
		return err
	}
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	return os.Rename(part, final)
}

// place makes an empty directory that the run's user may read.
func (c *Case) place(part string) error {
	above := filepath.Dir(part)
	if err := os.Mkdir(above, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := admit(above, c.UID); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o750))
}

// ask has a child ask the processes, and runs the capture command meanwhile. The
// logs are read after that: many commands make the process itself say something.
// It says what is missing of all.
func (c *Case) ask(ctx context.Context, part string) (missing []string, err error) {
	note := func(what string) {
		if what != "" {
			missing = append(missing, what)
		}
	}
	if c.Capture == nil {
		what, err := c.askChild(ctx, part, aboutAll)
		note(what)
		return missing, err
	}
	var captured string
	var captureErr error
	var capturing sync.WaitGroup
	capturing.Go(func() { captured, captureErr = c.capture(ctx, part) })
	what, err := c.askChild(ctx, part, aboutProcesses)
	capturing.Wait()
	note(what)
	note(captured)
	if err = errors.Join(err, captureErr); err != nil {
		return missing, err
	}
	what, err = c.askChild(ctx, part, aboutLogs)
	note(what)
	return missing, err
}

// capture runs the capture command. What went wrong with the command is no error.
func (c *Case) capture(ctx context.Context, part string) (missing string, err error) {
	to, err := newSheet(filepath.Join(part, "capture.txt"), mostCapture)
	if err != nil {
		return "", err
	}
	by, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(ctx, by.Add(-timeForLogs))
	defer cancel()
	failed := c.Capture(ctx, to)
	if err := to.close(); err != nil {
		return "", err
	}
	if failed != nil {
		return fmt.Sprintf("the capture command: %v", failed), nil
	}
	return "", nil
}

// timeForLogs is how long before its end a capture command is over.
const timeForLogs = 2 * childMargin

// askChild runs the child until it is done, or late.
func (c *Case) askChild(ctx context.Context, part string, what about) (missing string, err error) {
	q := question{About: what, Into: part, Dir: c.Dir, Run: c.Run, UID: c.UID, Pid: c.Pid, Start: c.Start, Place: c.Place}
	if by, ok := ctx.Deadline(); ok {
		q.Within = max(0, time.Until(by)-childMargin)
	}
	argument, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	ended := make(chan error, 1)
	child, err := start(argument, ended)
	if err != nil {
		return string(what) + ": " + err.Error(), nil
	}
	defer child.said.Close()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = child.cmd.Process.Kill() // it has ended by itself, or it is killed
		select {
		case err = <-ended:
		case <-time.After(50 * time.Millisecond): // the kernel does not let go of it
		}
		return fmt.Sprintf("some of %s: the time was up", what), nil
	}
	if _, e := child.said.Seek(0, io.SeekStart); e == nil {
		_, _ = io.Copy(&said, io.LimitReader(child.said, 4<<10)) // as much as can be had
	}
	sentence := strings.TrimRight(said.String(), "; \n")
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == exitNoRoom:
		return "", fmt.Errorf("%s: %w", sentence, syscall.ENOSPC)
	case err != nil:
		return fmt.Sprintf("some of %s: %v: %s", what, err, sentence), nil
	}
	return sentence, nil
}

// childMargin is by how much a child is to be done before it is killed.
const childMargin = 150 * time.Millisecond

// helper is a child that gathers.
type helper struct {
	cmd  *exec.Cmd
	said *os.File // what it says on stderr
}

// start starts the child, which dies with us, and tells of its end. One that does
// not die when it is killed has nothing of ours, and its end is never told.
func start(argument []byte, ended chan<- error) (*helper, error) {
	fd, err := unix.MemfdCreate("evidence", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a place for what a child says: %w", err)
	}
	said := os.NewFile(uintptr(fd), "evidence")
	cmd := exec.Command("/proc/self/exe", Word, string(argument))
	cmd.Stderr = said
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // it would die with this thread
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start a child that asks: %w", err), said.Close())
	}
	return &helper{cmd, said}, nil
}

// preface is what reason.txt holds.
func (c *Case) preface(began time.Time, missing []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "run %d of %s: %s\n", c.Run.Run, c.Run.Process, c.Reason)
	fmt.Fprintf(&b, "gathered %s, in %s\n", began.UTC().Format(time.RFC3339Nano), time.Since(began).Round(time.Millisecond))
	fmt.Fprintf(&b, "left out: environments, for the secrets in them\n")
	for _, what := range missing {
		fmt.Fprintf(&b, "missing: %s\n", what)
	}
	return b.Bytes()
}
