package supervisor

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// bePayload is a process of a task, when a shell will not do.
//
//	port FILE ADDR   binds ADDR, which no two runs can at once, notes that in FILE, and stays
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
	}
	return 2
}
