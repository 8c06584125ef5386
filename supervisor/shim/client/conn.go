package client

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Greeting is what the shim says of itself and of every run that it knows:
// at connect, and in answer to List. A run is known from its spawn until it
// is Seen.
type Greeting struct {
	Version   int
	ShimPid   int
	ShimStart uint64 // clock ticks since boot; with the boot id it makes ShimPid unique
	BrainPid  int    // of the brain that the shim keeps; 0 while it has none
	Runs      []Run
	Strays    int // descendants in sessions of their own that belong to no known run
}

// Run is one line of a Greeting.
type Run struct {
	task.RunID
	State shim.State
	Pid   int // 0 once it has ended
}

// Bell is what the shim says by itself. It is a doorbell: the run's status
// file is the truth. Bells may come twice.
type Bell struct {
	Kind string // shim.BellStarted …
	task.RunID
}

// Refused is the shim's no. It changed nothing.
type Refused struct {
	Request  string
	Sentence string
}

func (e *Refused) Error() string { return e.Request + ": " + e.Sentence }

// Conn is a connection to a shim. Its methods may be called concurrently: each
// waits for its own answer, and requests are answered in the order in which
// they were sent. When the shim has gone, or another brain has connected,
// Bells is closed and every method returns the reason.
type Conn struct {
	nc    *net.UnixConn
	bells chan Bell
	done  chan struct{} // closed when both goroutines have returned
	quit  chan struct{} // closed by Close
	once  sync.Once     // guards quit

	send sync.Mutex // order of calls in waiting = order on the wire

	mu      sync.Mutex
	waiting []chan answer
	queue   []Bell
	wake    chan struct{} // capacity 1: queue is not empty, or dead is set
	dead    error         // why there is nothing more to come
}

type answer struct {
	no   *string
	list Greeting
	err  error
}

// greetingTime bounds the wait for a shim that accepts but does not speak.
const greetingTime = 10 * time.Second

// Dial connects to the shim of a task, which ends the connection of any other
// brain. The error is syscall.ENOENT or ECONNREFUSED (errors.Is) when no shim
// listens.
func Dial(dir task.Dir) (*Conn, Greeting, error) {
	nc, err := dial(dir)
	if err != nil {
		return nil, Greeting{}, fmt.Errorf("connect to the shim of %s: %w", dir, err)
	}
	c := &Conn{
		nc:    nc,
		bells: make(chan Bell),
		done:  make(chan struct{}),
		quit:  make(chan struct{}),
		wake:  make(chan struct{}, 1),
	}
	in := frames{from: nc}
	_ = nc.SetReadDeadline(time.Now().Add(greetingTime)) // its only error is that nc is closed, which read reports
	g, err := in.greeting()
	if err != nil {
		nc.Close()
		return nil, Greeting{}, fmt.Errorf("read the greeting of the shim of %s: %w", dir, err)
	}
	_ = nc.SetReadDeadline(time.Time{})
	go c.run(&in)
	return c, g, nil
}

// dial goes through a descriptor of the directory, because a socket's address
// is at most 107 bytes long.
func dial(dir task.Dir) (*net.UnixConn, error) {
	d, err := os.OpenFile(string(dir), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	name := "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + shim.SockName
	return net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
}

// Bells delivers what the shim says by itself, and is closed when the
// connection has ended. It never holds up answers: bells wait in a queue, in
// which the same bell is kept once.
func (c *Conn) Bells() <-chan Bell { return c.bells }

// Err says why Bells was closed.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// Close ends the connection; the shim and the runs go on. It returns when
// nothing of the Conn runs any more.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.quit) })
	err := c.nc.Close()
	<-c.done
	if err != nil && !errors.Is(err, net.ErrClosed) { // the shim had gone before
		return fmt.Errorf("close the connection to the shim: %w", err)
	}
	return nil
}

// Hello says that this brain, of this version, works. Until then the shim
// counts the brain as one that may be failing.
func (c *Conn) Hello(version string) error { return c.ask(shim.AskHello, version) }

// Spawn starts a run whose spec has been written. The answer comes when its
// process exists; Started follows, or Ended with an Error in the status. For
// a run that was spawned before it does nothing and is no error.
func (c *Conn) Spawn(r task.RunID) error { return c.ask(shim.AskSpawn, r.Dir()) }

// Signal sends a signal to a run: to all that is left of it, or to its main
// process. It is recorded in the status before it is delivered. A run that
// has ended with nothing left gets none, and that is no error.
func (c *Conn) Signal(r task.RunID, signo int, to task.StopTo) error {
	return c.ask(shim.AskSignal, r.Dir(), strconv.Itoa(signo), string(to))
}

// Kill sends KILL to everything of a run, also what it left behind in
// sessions of its own, until nothing lives. Ended or Emptied follows.
func (c *Conn) Kill(r task.RunID) error { return c.ask(shim.AskKill, r.Dir()) }

// Clear kills everything of the task. The bell Cleared follows when the shim
// has no child left but the brain.
func (c *Conn) Clear() error { return c.ask(shim.AskClear) }

// Seen says that the end of a run, and that nothing of it lives, has been
// recorded: the shim may forget it. A run that still lives is not forgotten,
// and that is a refusal.
func (c *Conn) Seen(r task.RunID) error { return c.ask(shim.AskSeen, r.Dir()) }

// End asks the shim to end when the brain has gone.
func (c *Conn) End() error { return c.ask(shim.AskEnd) }

// List asks for what the greeting said.
func (c *Conn) List() (Greeting, error) {
	a := c.call(shim.AskList)
	return a.list, a.err
}

func (c *Conn) ask(fields ...string) error {
	a := c.call(fields...)
	if a.err == nil && a.no != nil {
		return &Refused{strings.Join(fields, " "), *a.no}
	}
	return a.err
}

func (c *Conn) call(fields ...string) answer {
	frame := shim.AppendFrame(nil, fields...)
	if len(frame) > shim.MaxFrame {
		return answer{err: fmt.Errorf("ask the shim to %s: a request of %d bytes is longer than the %d allowed", fields[0], len(frame), shim.MaxFrame)}
	}
	reply := make(chan answer, 1)
	c.send.Lock()
	c.mu.Lock()
	err := c.dead
	if err == nil {
		c.waiting = append(c.waiting, reply)
	}
	c.mu.Unlock()
	if err == nil {
		// A failed write also ends the reading side, which answers reply.
		if _, werr := c.nc.Write(frame); werr != nil {
			c.nc.Close()
		}
	}
	c.send.Unlock()
	if err != nil {
		return answer{err: fmt.Errorf("ask the shim to %s: %w", fields[0], err)}
	}
	a := <-reply
	if a.err != nil {
		a.err = fmt.Errorf("ask the shim to %s: %w", fields[0], a.err)
	}
	return a
}

// ErrGone is what ends a connection whose shim has died, has ended, or has
// been given another brain.
var ErrGone = errors.New("the shim has gone, or listens to another brain")
