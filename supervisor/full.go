package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// lookAgain is how long a full disk is left alone.
const lookAgain = 5 * time.Second

// leastRoom is how much must be free for starts to go on: what a spec, a
// status and two log files take on any file system.
const leastRoom = 256 << 10

// lackRoom handles a start for which there was no room: it waits until the disk
// has some, or has failed where only the task's own quota is used up.
func (b *brain) lackRoom(id task.RunID, why string) {
	if said, spent := b.quotaSpent(); spent {
		b.judge(machine.Exit{RunID: id, Error: why + "; " + said, At: now()})
		return
	}
	b.unspawned[id] = true
	b.becomeFull(errors.New(why))
}

// becomeFull notes that the disk is full: nothing is started from now on, and
// the loop looks again after a while.
func (b *brain) becomeFull(why error) {
	if b.full {
		return
	}
	b.log("the disk is full, nothing is started until there is room: %v", why)
	b.full = true
	b.machine.SetFull(true)
	b.retry.Reset(lookAgain)
}

// tryAgain looks whether there is room, and goes on where the disk had stopped
// the task.
func (b *brain) tryAgain() error {
	room, err := b.room()
	if err != nil {
		return err
	}
	if !room {
		b.retry.Reset(lookAgain)
		return nil
	}
	b.log("there is room on the disk again")
	b.full = false
	b.machine.SetFull(false)
	b.spawnForked()
	return nil
}

func (b *brain) room() (bool, error) {
	if room, err := b.journal.Room(); err != nil || !room {
		return false, err
	}
	var s unix.Statfs_t
	if err := unix.Statfs(string(b.Dir), &s); err != nil {
		return false, fmt.Errorf("ask for the room left in %s: %w", b.Dir, err)
	}
	blocks := s.Bavail
	if os.Geteuid() == 0 {
		blocks = s.Bfree
	}
	return blocks*uint64(s.Bsize) >= leastRoom && (s.Files == 0 || s.Ffree > 0), nil
}

// noRoom says whether an error means that the disk, or our share of it, is
// full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// saysNoRoom is noRoom for an error that comes as a sentence of the shim.
func saysNoRoom(sentence string) bool {
	if strings.HasPrefix(sentence, "join the group ") || strings.HasPrefix(sentence, "open the group ") {
		return false // an empty cpuset, say, which nothing will fill
	}
	return strings.HasSuffix(sentence, syscall.ENOSPC.Error()) || strings.HasSuffix(sentence, syscall.EDQUOT.Error())
}
