package supervisor

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
)

// Who waits for the loop when the brain leaves is told so, and can ask the next
// one.
func TestDoorClosesWithAWord(t *testing.T) {
	dir := task.Dir(t.TempDir())
	d, err := openDoor(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() {
		said <- control.Do(t.Context(), dir, control.PathRestart, control.Process{Process: "web"}, nil)
	}()
	<-d.asks // by a loop that will not answer
	if err := d.close(dir); err != nil {
		t.Error(err)
	}
	var refused *control.Refused
	if err := <-said; !errors.As(err, &refused) || refused.Code != http.StatusServiceUnavailable {
		t.Errorf("who waited was told %v, want a 503", err)
	}
}

// What the loop has answered is what is said, also if the brain leaves then.
func TestDoorTellsTheLastAnswer(t *testing.T) {
	for range 20 {
		dir := task.Dir(t.TempDir())
		d, err := openDoor(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		said := make(chan error, 1)
		go func() {
			said <- control.Do(t.Context(), dir, control.PathRestart, control.Process{Process: "web"}, nil)
		}()
		a := <-d.asks
		a.answer <- answer{}
		if err := errors.Join(d.close(dir), <-said); err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody who connects and says nothing holds up no brain that leaves.
func TestDoorDoesNotWaitForTheSilent(t *testing.T) {
	dir := task.Dir(t.TempDir())
	d, err := openDoor(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	address, release, err := control.Address(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	silent, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := d.close(dir); err != nil {
		t.Error(err)
	}
}
