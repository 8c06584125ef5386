package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/task"
)

// TestTasksAreDrivenAbreast has shims that keep nothing: each task is waited
// for in vain, so all are started before one is given up only if they are
// started side by side.
func TestTasksAreDrivenAbreast(t *testing.T) {
	for verb, drive := range map[string]func(*app, context.Context, []task.Dir) error{
		"resume": func(a *app, ctx context.Context, dirs []task.Dir) error { return a.resumeAll(ctx, dirs, false) },
		"kill":   func(a *app, ctx context.Context, dirs []task.Dir) error { return a.killAll(ctx, &killFlags{}, dirs) },
	} {
		t.Run(verb, func(t *testing.T) {
			lib := t.TempDir()
			started := tellingShim(t, lib)
			dirs := orphans(t, "a", "b", "c")
			a := &app{out: io.Discard, err: io.Discard, env: func(name string) string {
				return map[string]string{"DEWAR_LIBEXEC": lib, "PATH": "/usr/bin:/bin"}[name]
			}}
			ctx, cancel := context.WithCancel(context.Background())
			over := make(chan error)
			go func() { over <- drive(a, ctx, dirs) }()
			if err := started.SetReadDeadline(time.Now().Add(patience - time.Second)); err != nil {
				t.Error(err)
			}
			seen := map[string]bool{}
			for lines := bufio.NewScanner(started); len(seen) < len(dirs); {
				if !lines.Scan() {
					t.Errorf("started while the first was waited for: %v (%v)", seen, lines.Err())
					break
				}
				seen[lines.Text()] = true
			}
			cancel()
			if err := <-over; err == nil {
				t.Error("a shim that keeps nothing counts as one that does")
			}
		})
	}
}

// tellingShim puts programs into dir; the shim writes its task's directory to
// the pipe that is returned, and ends.
func tellingShim(t *testing.T, dir string) *os.File {
	t.Helper()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(pipe, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	for _, name := range []string{"dewar-shim", "dewar-executor"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"$1\" >"+pipe+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// orphans are tasks that nobody has begun.
func orphans(t *testing.T, ids ...string) (dirs []task.Dir) {
	t.Helper()
	root := t.TempDir()
	for _, id := range ids {
		l := task.Launch{Version: 1, ID: id, Task: launch.Single("p", []string{"true"})}
		dir, err := launch.Make(root, l)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

func TestAbreast(t *testing.T) {
	var now, most atomic.Int32
	errs := abreast(5*width, func(i int) error {
		defer now.Add(-1)
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		if i == 3 {
			return errors.New("three")
		}
		return nil
	})
	for i, err := range errs {
		if (err != nil) != (i == 3) {
			t.Errorf("%d came to %v", i, err)
		}
	}
	if len(errs) != 5*width || most.Load() > width || !strings.Contains(errs[3].Error(), "three") {
		t.Errorf("%d results, %d at a time", len(errs), most.Load())
	}
}
