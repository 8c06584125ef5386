package command

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	keepOutput = 4 << 10
	// mostOutput is how much is read; who says more waits for a reader that
	// does not come.
	mostOutput = 16 << 20
	pipeRoom   = 64 << 10
)

// output reads what a command says, and keeps the end of it.
type output struct {
	file *os.File
	keep int
	tail []byte // at most twice keep
	done chan struct{}
}

// newOutput begins to read.
func newOutput(file *os.File, keep int) *output {
	if keep <= 0 {
		keep = keepOutput
	}
	o := &output{file: file, keep: keep, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		o.read()
	}()
	return o
}

func (o *output) read() {
	buf := make([]byte, keepOutput)
	for total := 0; total < mostOutput; {
		n, err := o.file.Read(buf)
		o.add(buf[:n])
		total += n
		if err != nil { // the end, or finish
			return
		}
	}
}

func (o *output) add(b []byte) {
	o.tail = append(o.tail, b...)
	if len(o.tail) > 2*o.keep {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-o.keep:]...)
	}
}

// finish answers the end of what was said until now. It does not wait for who
// may still hold the pipe.
func (o *output) finish() []byte {
	_ = o.file.SetReadDeadline(time.Unix(0, 1)) // a pipe of ours can be polled
	<-o.done
	if raw, err := o.file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { o.drain(int(fd)) })
	}
	o.file.Close()
	return o.tail[max(0, len(o.tail)-o.keep):]
}

// drain takes what is in the pipe, and not what comes meanwhile for ever.
func (o *output) drain(fd int) {
	buf := make([]byte, keepOutput)
	for total := 0; total < pipeRoom; {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil && err != io.EOF {
			return
		}
		o.add(buf[:n])
		total += n
	}
}
