package client

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// Request is a request for Begin. What each means is said at the method
// of Conn that has its name.
type Request struct{ fields []string }

func (q Request) String() string { return strings.Join(q.fields, " ") }

func Spawn(r task.RunID) Request { return Request{[]string{shim.AskSpawn, r.Dir()}} }
func Kill(r task.RunID) Request  { return Request{[]string{shim.AskKill, r.Dir()}} }
func Seen(r task.RunID) Request  { return Request{[]string{shim.AskSeen, r.Dir()}} }
func Clear() Request             { return Request{[]string{shim.AskClear}} }

func Signal(r task.RunID, signo int, to task.StopTo) Request {
	return Request{[]string{shim.AskSignal, r.Dir(), strconv.Itoa(signo), string(to)}}
}

// Begin sends several requests with one write and does not wait. The function
// that it returns waits for the answer to each, in their order, as the methods
// of Conn would give it; it is to be called once.
func (c *Conn) Begin(requests ...Request) (wait func() []error) {
	replies := make(chan answer, len(requests))
	var frames []byte
	for _, q := range requests {
		frames = shim.AppendFrame(frames, q.fields...)
	}
	dead := c.sendAll(frames, len(requests), replies)
	return func() []error {
		errs := make([]error, len(requests))
		for i, q := range requests {
			a := answer{err: dead}
			if dead == nil {
				a = <-replies
			}
			switch {
			case a.err != nil:
				errs[i] = fmt.Errorf("ask the shim to %s: %w", q.fields[0], a.err)
			case a.no != nil:
				errs[i] = &Refused{q.String(), *a.no}
			}
		}
		return errs
	}
}

// sendAll writes frames, whose n answers will come into replies.
func (c *Conn) sendAll(frames []byte, n int, replies chan answer) error {
	c.send.Lock()
	defer c.send.Unlock()
	c.mu.Lock()
	if c.dead != nil {
		c.mu.Unlock()
		return c.dead
	}
	for range n {
		c.waiting = append(c.waiting, replies)
	}
	c.mu.Unlock()
	// A failed write also ends the reading side, which answers replies.
	if _, err := c.nc.Write(frames); err != nil {
		c.nc.Close()
	}
	return nil
}
