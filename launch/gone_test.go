package launch

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

func TestAwaitEnd(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := AwaitEnd(ctx, cmd.Process.Pid); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a process that lives: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- AwaitEnd(context.Background(), cmd.Process.Pid) }()
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended: // it is a zombie: nobody has waited for it
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the end is not noticed")
	}
	cmd.Wait()
	if err := AwaitEnd(context.Background(), cmd.Process.Pid); err != nil {
		t.Errorf("of a process that is gone: %v", err)
	}
}
