package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/dewarhq/dewar/test/programs"
	"github.com/dewarhq/dewar/test/soak"
)

// listeners is a graph of processes that each hold a port: two runs of one of
// them at a time would show.
func listeners(t *testing.T) graph {
	t.Helper()
	g := graph{}
	for i, port := range freePorts(t, 8) {
		g.nodes = append(g.nodes, node{
			name: fmt.Sprintf("l%d", i), codes: []int{0}, maxFailures: 1,
			lasts: time.Duration(100+40*i) * time.Millisecond, lines: 20, port: port,
		})
	}
	return g
}

// freePorts finds ports that nobody listens on, below those that the kernel
// gives to whoever asks for any.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// TestKillShim kills the shim: its runs are LOST, said when they are gone, and
// repeated by the next shim without counting a failure.
func TestKillShim(t *testing.T) {
	want := soak.Times(t, fewer(10))
	soak.Note(t, "SIGKILL to the shim at a random moment", want, "runs LOST when gone, repeated, none overlapped")
	for kills := 0; kills < want && !t.Failed(); {
		w := newWorld(t, programs.Dir(t))
		g := listeners(t)
		w.launch(g)
		done := w.wait()
		for range 3 {
			time.Sleep(time.Duration(rand.Int64N(int64(150 * time.Millisecond))))
			if kill(w.shim()) {
				kills++
			}
		}
		if code := <-done; code != exitSuccess {
			t.Errorf("the task ended with status %d", code)
		}
		w.check(g, true)
	}
}

// TestKillBoth kills the shim and the brain. Nobody drives the task then; the
// next verb that drives it brings it back.
func TestKillBoth(t *testing.T) {
	want := soak.Times(t, fewer(10))
	soak.Note(t, "SIGKILL to shim and brain together", want, "dewar resume brings the task back, no run overlapped")
	for kills := 0; kills < want && !t.Failed(); {
		w := newWorld(t, programs.Dir(t))
		g := listeners(t)
		w.launch(g)
		time.Sleep(time.Duration(rand.Int64N(int64(150 * time.Millisecond))))
		if !w.killBoth() {
			continue
		}
		kills++
		if code, out := w.dewar("resume", w.id); code != 0 {
			t.Errorf("dewar resume exits %d: %s", code, out)
		}
		if code := <-w.wait(); code != exitSuccess {
			t.Errorf("the task ended with status %d", code)
		}
		w.check(g, true)
	}
}

// killBoth kills until neither lives: a brain whose shim is gone starts
// another, and a shim starts another brain.
func (w *world) killBoth() bool {
	killed := false
	eventually(w.t, 10*time.Second, "neither shim nor brain lives", func() bool {
		shim, brain := w.shim(), w.brain()
		if shim == 0 && brain == 0 {
			return true
		}
		killed = kill(shim) || killed
		killed = kill(brain) || killed
		return false
	})
	return killed
}
