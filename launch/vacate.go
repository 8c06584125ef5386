package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Vacate removes what is left of a finished task's kernel groups when its brain
// and its shim have gone: the group in which they stood, where the kernel let
// them not leave it while they lived. While a shim lives it does nothing.
func Vacate(ctx context.Context, dir task.Dir) error {
	g, found, err := sandbox.ReadGroups(dir)
	if err != nil || !found || !g.Used() {
		return err
	}
	boot, err := shim.BootID()
	if err != nil || g.Place.Boot != boot {
		return err
	}
	pid, err := shim.Holder(dir.ShimLock())
	if err != nil || pid != 0 {
		return err
	}
	inTime, cancel := context.WithTimeout(ctx, vacateWithin)
	defer cancel()
	if err := cgroup.Open(g.Place).Remove(inTime); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("remove the kernel groups of %s: %w", dir, err)
	}
	return nil
}

// vacateWithin is how long the kernel may take to let go of a group.
const vacateWithin = time.Second
