package supervisor

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// beServer serves HTTP at an address, and notes in FILE what it is told: a line
// for each request, and for TERM the reason in the sandbox, after which it ends.
//
//	server FILE ADDR ok     answers 200
//	server FILE ADDR 404    answers 404
//	server FILE ADDR hang   does not answer
//	server FILE ADDR quit   answers, and ends
//	server FILE ADDR abort  ends without an answer
func beServer(file, addr, manner string) int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	over := make(chan int, 1)
	handle := func(w http.ResponseWriter, r *http.Request) {
		appendTo(file, fmt.Sprintf("%s %s\n", r.Method, r.URL.Path))
		switch manner {
		case "404":
			http.NotFound(w, r)
		case "hang":
			select {}
		case "quit":
			fmt.Fprintln(w, "bye")
			over <- 7
		case "abort":
			os.Exit(7)
		}
	}
	go func() {
		err := http.ListenAndServe(addr, http.HandlerFunc(handle))
		appendTo(file, err.Error()+"\n")
		over <- 1
	}()
	select {
	case <-told:
		reason, err := os.ReadFile(".dewar-stop-reason")
		appendTo(file, fmt.Sprintf("TERM: %s", reason))
		if err != nil {
			appendTo(file, err.Error()+"\n")
		}
		return 0
	case status := <-over:
		return status
	}
}
