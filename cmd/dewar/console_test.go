package main

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/dewarhq/dewar/task"
)

// TestConsoleIsReplaced: nothing of the full file is missed, and nothing of the
// new one.
func TestConsoleIsReplaced(t *testing.T) {
	dir := task.Dir(t.TempDir())
	say := func(words string) {
		t.Helper()
		f, err := os.OpenFile(dir.Console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(words); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	say("before;")
	c, err := openConsole(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	out, in := io.Pipe()
	go func() { done <- c.follow(in)(ctx) }() // ends with ctx
	hear := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(out, got); err != nil || string(got) != want {
			t.Fatalf("heard %q, %v, want %q", got, err, want)
		}
	}
	say("first;")
	hear("first;")
	for range 2 {
		say("last words;")
		if err := os.Rename(dir.Console(), dir.Console()+".1"); err != nil {
			t.Fatal(err)
		}
		say("new;")
		hear("last words;new;")
		say("more;")
		hear("more;")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
