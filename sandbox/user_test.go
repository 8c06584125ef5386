package sandbox

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLookUpSelf(t *testing.T) {
	u, err := LookUp("")
	if err != nil {
		t.Fatal(err)
	}
	if u.UID != os.Geteuid() || u.GID != os.Getegid() || u.Name == "" {
		t.Errorf("LookUp(\"\") = %+v, and this is %d:%d", u, os.Geteuid(), os.Getegid())
	}
	again, err := LookUp(u.Name)
	if err != nil || again.UID != u.UID {
		t.Errorf("LookUp(%q) = %+v, %v", u.Name, again, err)
	}
}

func TestLookUpUnknown(t *testing.T) {
	for _, name := range []string{"nosuch", "4123456789"} {
		_, err := LookUp(name)
		if err == nil || !strings.HasPrefix(err.Error(), "unknown user "+name+": ") {
			t.Errorf("LookUp(%q): %v", name, err)
		}
	}
}

func TestLookUpAnother(t *testing.T) {
	if os.Geteuid() == 0 {
		u, err := LookUp("daemon")
		if err != nil || u.UID != 1 || u.GID != 1 || !slices.Contains(u.Groups, 1) {
			t.Errorf("LookUp(daemon) = %+v, %v", u, err)
		}
		return
	}
	_, err := LookUp("root")
	if err == nil || !strings.HasPrefix(err.Error(), "run as user root (uid 0): only root may run processes as another user, and this is uid ") {
		t.Errorf("LookUp(root): %v", err)
	}
}
