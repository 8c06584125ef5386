package command_test

import (
	"os"
	"testing"
	"time"
)

// TestCommandsThatHaveNoTime: whose time is over before it has joined its groups (v1)
// never runs.
func TestCommandsThatHaveNoTime(t *testing.T) {
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

// TestSameName: who is asked anew while the one before is still being killed
// waits for that, and is not killed with it.
func TestSameName(t *testing.T) {
	each(t, func(w *world) {
		for range 20 {
			old := w.Asker(w.shell("c", "setsid -f sleep 1000; echo x > began; sleep 1000"))
			go old.Ask(time.Now().Add(patience))
			w.untilBegan()
			closed := make(chan error)
			go func() { closed <- old.Close() }()
			if r := w.run(w.shell("c", "exit 7")); r.Exit != 7 {
				w.Errorf("%+v", r)
			}
			if err := <-closed; err != nil {
				w.Error(err)
			}
		}
	})
}

// untilBegan waits for the file began in the sandbox, and removes it.
func (w *world) untilBegan() {
	w.Helper()
	for end := time.Now().Add(patience); os.Remove(w.dir.Sandbox()+"/began") != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatal("it never began")
		}
	}
}
