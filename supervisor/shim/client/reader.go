package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// run owns the reading side: it returns when the connection has ended and all
// who wait have been told.
func (c *Conn) run(in *frames) {
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		c.feed()
	}()
	err := c.read(in)
	c.nc.Close()
	c.mu.Lock()
	c.dead = err
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, w := range waiting {
		w <- answer{err: err}
	}
	c.ring()
	<-fed
	close(c.done)
}

// read handles frames until there are none.
func (c *Conn) read(in *frames) error {
	for {
		f, err := in.next()
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return ErrGone
		}
		if err != nil {
			return err
		}
		switch f[0] {
		case shim.SayBell:
			b, err := bellOf(f)
			if err != nil {
				return err
			}
			c.enqueue(b)
		case shim.SayOK:
			err = c.reply(answer{})
		case shim.SayNo:
			if len(f) != 2 {
				return malformed(f)
			}
			err = c.reply(answer{no: &f[1]})
		case shim.SayHello:
			var g Greeting
			if g, err = in.listAfter(f); err == nil {
				err = c.reply(answer{list: g})
			}
		default:
			return malformed(f)
		}
		if err != nil {
			return err
		}
	}
}

func (c *Conn) reply(a answer) error {
	c.mu.Lock()
	if len(c.waiting) == 0 {
		c.mu.Unlock()
		return errors.New("the shim answered what nobody asked")
	}
	w := c.waiting[0]
	c.waiting = slices.Delete(c.waiting, 0, 1)
	c.mu.Unlock()
	w <- a
	return nil
}

func (c *Conn) enqueue(b Bell) {
	c.mu.Lock()
	if !slices.Contains(c.queue, b) {
		c.queue = append(c.queue, b)
	}
	c.mu.Unlock()
	c.ring()
}

func (c *Conn) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// feed hands the queue to whoever reads Bells, and closes it at the end.
func (c *Conn) feed() {
	defer close(c.bells)
	for {
		c.mu.Lock()
		queue, dead := c.queue, c.dead
		c.queue = nil
		c.mu.Unlock()
		for _, b := range queue {
			select {
			case c.bells <- b:
			case <-c.quit:
				return
			}
		}
		if dead != nil {
			return
		}
		select {
		case <-c.wake:
		case <-c.quit:
			return
		}
	}
}

// frames reads frames from the shim.
type frames struct {
	from io.Reader
	buf  []byte // what has been read and not yet been taken
}

// next returns the fields of the next frame, at least one.
func (in *frames) next() ([]string, error) {
	for {
		body, size, err := shim.CutFrame(in.buf)
		if err != nil {
			return nil, fmt.Errorf("the shim sent %w", err)
		}
		if size > 0 {
			fields := strings.Split(string(body[:len(body)-1]), "\x00")
			in.buf = in.buf[size:]
			return fields, nil
		}
		chunk := make([]byte, 32<<10)
		n, err := in.from.Read(chunk)
		if n == 0 && err != nil {
			return nil, err
		}
		in.buf = append(in.buf[:len(in.buf):len(in.buf)], chunk[:n]...)
	}
}

// greeting reads a whole list.
func (in *frames) greeting() (Greeting, error) {
	f, err := in.next()
	if err != nil {
		return Greeting{}, err
	}
	return in.listAfter(f)
}

// listAfter reads the list that the frame hello begins.
func (in *frames) listAfter(hello []string) (Greeting, error) {
	var g Greeting
	if hello[0] != shim.SayHello || len(hello) < 5 {
		return g, malformed(hello)
	}
	start, errStart := strconv.ParseUint(hello[3], 10, 64)
	g.ShimStart = start
	if err := errors.Join(errStart, intsOf(hello[1:3], &g.Version, &g.ShimPid), intsOf(hello[4:5], &g.BrainPid)); err != nil {
		return g, malformed(hello)
	}
	if g.Version != shim.Version {
		return g, fmt.Errorf("the shim speaks version %d, and this program speaks version %d", g.Version, shim.Version)
	}
	for {
		f, err := in.next()
		if err != nil {
			return g, err
		}
		switch {
		case f[0] == shim.SayRun && len(f) >= 4:
			r := Run{State: shim.State(f[2])}
			var ok bool
			if r.RunID, ok = RunOf(f[1]); !ok || intsOf(f[3:4], &r.Pid) != nil {
				return g, malformed(f)
			}
			g.Runs = append(g.Runs, r)
		case f[0] == shim.SayStrays && len(f) >= 2:
			if intsOf(f[1:2], &g.Strays) != nil {
				return g, malformed(f)
			}
		case f[0] == shim.SayListed:
			return g, nil
		default:
			return g, malformed(f)
		}
	}
}

// RunOf is the run whose directory, relative to the task's, is dir.
func RunOf(dir string) (task.RunID, bool) {
	rest, ok := strings.CutPrefix(dir, "runs/")
	slash := strings.LastIndexByte(rest, '/')
	if !ok || slash <= 0 {
		return task.RunID{}, false
	}
	n, err := strconv.Atoi(rest[slash+1:])
	r := task.RunID{Process: rest[:slash], Run: n}
	return r, err == nil && r.Dir() == dir
}

func bellOf(f []string) (Bell, error) {
	switch {
	case len(f) == 2:
		return Bell{Kind: f[1]}, nil
	case len(f) == 3:
		if r, ok := RunOf(f[2]); ok {
			return Bell{f[1], r}, nil
		}
	}
	return Bell{}, malformed(f)
}

func intsOf(fields []string, to ...*int) error {
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil {
			return err
		}
		*to[i] = n
	}
	return nil
}

func malformed(f []string) error {
	return fmt.Errorf("the shim sent a frame that this program does not understand: %q", f)
}
