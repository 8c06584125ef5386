package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/dewarhq/dewar/cli/enter"
	"github.com/dewarhq/dewar/cli/quiet"
)

func main() {
	quiet.Restore()
	if len(os.Args) == 2 && os.Args[1] == enter.StepName {
		enter.Step()
		os.Exit(exitSystem)
	}
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	os.Exit(a.main(context.Background(), os.Args[1:]))
}

// app is what all verbs share: the three streams, the environment and the
// global flags.
type app struct {
	in      *os.File
	out     io.Writer
	err     io.Writer
	env     func(string) string
	root    string // --root
	verbose bool   // -v
}

// main runs one command line and returns the exit status. Whatever error there
// is, is said here, once.
func (a *app) main(ctx context.Context, args []string) int {
	root, entered := a.command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !*entered {
		err = misuse(err) // no verb has begun: a flag, an argument or the verb itself
	}
	if err != nil && err.Error() != "" {
		fmt.Fprintf(a.err, "dewar: %v\n", err)
	}
	return exitCode(err)
}
