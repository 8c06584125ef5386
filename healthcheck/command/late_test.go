package command_test

import (
	"testing"
	"time"
)

// TestNoTimeAtAll: whose time is over before it has joined its groups (v1)
// never runs.
func TestNoTimeAtAll(t *testing.T) {
	each(t, func(w *world) {
		asker := w.Asker(w.shell("c", "setsid -f sleep 1000; sleep 1000"))
		for i := range 40 {
			asker.Ask(time.Now().Add(time.Duration(i) * 100 * time.Microsecond))
		}
		if err := asker.Close(); err != nil {
			w.Error(err)
		}
	})
}
