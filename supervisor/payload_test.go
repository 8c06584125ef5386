package supervisor

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// bePayload is a process of a task, when a shell will not do.
//
//	port FILE ADDR   binds ADDR, which no two runs can at once, notes that in FILE, and stays
//	server …         see beServer
//	snare FILE       see beSnare
//	stillborn DIR    is a shim that dies before it has a brain
func bePayload(args []string) int {
	switch args[0] {
	case "port":
		l, err := net.Listen("tcp", args[2])
		if err != nil {
			appendTo(args[1], fmt.Sprintf("overlap: %v\n", err))
			return 1
		}
		defer l.Close()
		appendTo(args[1], "bound\n")
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		return 0
	case "server":
		return beServer(args[1], args[2], args[3])
	case "snare":
		if err := beSnare(args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "snare:", err)
			return 1
		}
		return 0
	case "stillborn":
		if err := beStillborn(args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "stillborn:", err)
			return 1
		}
		return 0
	}
	return 2
}

// beStillborn greets twice as a shim that keeps no brain: whoever asks a second
// time has not been content with the first answer.
func beStillborn(dir string) error {
	if err := os.Chdir(dir); err != nil { // a socket's address is short
		return err
	}
	if _, err := shim.Lock(task.Dir(dir).ShimLock()); err != nil {
		return err
	}
	if err := os.RemoveAll(shim.SockName); err != nil {
		return err
	}
	l, err := net.Listen("unix", shim.SockName)
	if err != nil {
		return err
	}
	greeting := shim.AppendFrame(nil, shim.SayHello, strconv.Itoa(shim.Version), strconv.Itoa(os.Getpid()), "1", "0")
	greeting = shim.AppendFrame(greeting, shim.SayListed)
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if _, err := c.Write(greeting); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, c); err != nil { // until it hangs up
			return err
		}
	}
	return nil
}
