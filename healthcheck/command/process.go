package command

import (
	"os"
	"runtime"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// process is one command that was forked.
type process struct {
	child   *shim.Child
	start   uint64        // its start time, by which its pid is known for its own
	exited  chan struct{} // closed when it has; its pid is its own until it is reaped
	release chan struct{} // closed by whoever has killed what it left behind
	reaped  chan struct{} // closed when end and err say how it ended
	end     shim.ChildEnd
	err     error
}

// fork starts a command. The thread that forks stays until the command is
// reaped, for its end would be the command's.
func fork(spec *shim.Spec, out *os.File) (*process, error) {
	p := &process{exited: make(chan struct{}), release: make(chan struct{}), reaped: make(chan struct{})}
	forked := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		if p.child, err = shim.Fork(spec, int(out.Fd())); err == nil {
			st, _ := shim.ReadStat(p.child.Pid) // it is there until it is reaped
			p.start = st.Start
		}
		forked <- err
		if err == nil {
			p.attend()
		}
	}()
	if err := <-forked; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) attend() {
	defer close(p.reaped)
	p.err = p.child.Await()
	close(p.exited)
	<-p.release
	var err error
	if p.end, err = p.child.Reap(); p.err == nil {
		p.err = err
	}
}

// released says that nothing but reaping is left to be done; its pid may be
// somebody else's.
func (p *process) released() bool {
	select {
	case <-p.release:
		return true
	default:
		return false
	}
}
