package supervisor

import (
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
)

func TestAlarm(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}()
	for name, in := range map[string]time.Duration{"soon": 20 * time.Millisecond, "long ago": -time.Second} {
		at := shim.BootTime() + int64(in)
		if err := a.set(at); err != nil {
			t.Fatal(err)
		}
		select {
		case <-a.rang:
			a.heard()
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the alarm did not ring", name)
		}
		if early := at - shim.BootTime(); early > 0 {
			t.Errorf("%s: the alarm rang %v early", name, time.Duration(early))
		}
	}
	if err := a.set(shim.BootTime() + int64(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := a.set(0); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.rang:
		t.Error("an alarm that was switched off rang")
	default:
	}
}
