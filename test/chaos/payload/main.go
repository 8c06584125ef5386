// Command payload is a process whose doings can be checked afterwards: it
// writes down, beyond its task's reach, when each of its runs began and ended,
// numbers the lines that it logs, and ends as it was told to. With -torment it
// does instead what makes processes hard to kill; see torments.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := flag.Int("lines", 0, "numbered lines to write to stdout")
	last := flag.Duration("for", 0, "how long a run lasts")
	codes := flag.String("codes", "0", "exit status of run 0, 1, …; the last one repeats")
	evidence := flag.String("evidence", "", "directory for the books")
	port := flag.Int("port", 0, "a port to hold for as long as the run lasts")
	flag.StringVar(&tormentor.what, "torment", "", "be hard to kill, and in what way")
	flag.StringVar(&tormentor.book, "book", "", "with -torment: the file that gets the line that all has begun")
	flag.StringVar(&tormentor.mark, "mark", "", "with -torment: a word by which every process is known that comes of it")
	flag.StringVar(&tormentor.leave, "leave", "", "with -torment: a FIFO; another process is hard to kill, and this one ends when somebody writes here")
	flag.StringVar(&tormentor.setuid, "setuid", "", "with -torment: this program, setuid root")
	flag.IntVar(&tormentor.children, "children", 0, "with -torment: how many, of one that has a number of them")
	flag.Parse()
	if tormentor.what != "" {
		tormentor.begin()
	}

	run, err := strconv.Atoi(os.Getenv("DEWAR_RUN"))
	if err != nil {
		fail("read $DEWAR_RUN: %v", err)
	}
	book, err := os.OpenFile(filepath.Join(*evidence, os.Getenv("DEWAR_PROCESS")), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		fail("open the book: %v", err)
	}
	code := codeOf(*codes, run)
	if *port != 0 {
		if _, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port)); err != nil {
			enter(book, "overlap", run, 0)
			fail("%v", err)
		}
	}
	enter(book, "begin", run, 0)
	write(*lines, *last)
	enter(book, "end", run, code)
	os.Exit(code)
}

// write spreads n numbered lines over the time that the run lasts.
func write(n int, last time.Duration) {
	const parts = 4
	for part := range parts {
		for i := n * part / parts; i < n*(part+1)/parts; i++ {
			fmt.Printf("line %d\n", i)
		}
		time.Sleep(last / parts)
	}
}

// enter adds one line: what, run, exit status, wall clock in nanoseconds. A
// line that short is appended as one.
func enter(book *os.File, what string, run, code int) {
	if _, err := fmt.Fprintf(book, "%s %d %d %d\n", what, run, code, time.Now().UnixNano()); err != nil {
		fail("write the book: %v", err)
	}
}

func codeOf(codes string, run int) int {
	list := strings.Split(codes, ",")
	code, err := strconv.Atoi(list[min(run, len(list)-1)])
	if err != nil {
		fail("read -codes: %v", err)
	}
	return code
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "payload: "+format+"\n", args...)
	os.Exit(99)
}
