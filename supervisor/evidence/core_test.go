package evidence

import "testing"

// What core(5) says of patterns.
func TestCoreAt(t *testing.T) {
	corpse := Corpse{Pid: 77, UID: 5, GID: 6, Signal: 11, Command: "a/b", Cwd: "/sand"}
	for _, c := range []struct {
		pattern string
		usesPid bool
		want    string
	}{
		{"core", false, "its core file was written to /sand/core (kernel.core_pattern is core)"},
		{"core", true, "its core file was written to /sand/core.77 (kernel.core_pattern is core)"},
		{"core.%p", true, "its core file was written to /sand/core.77 (kernel.core_pattern is core.%p)"},
		{"/var/core/%e.%u.%g.%s.%t.%%", false, "its core file was written to /var/core/a!b.5.6.11.*.% (kernel.core_pattern is /var/core/%e.%u.%g.%s.%t.%%)"},
		{"|/usr/lib/systemd/systemd-coredump %P %u", false, "its core was given to a program of the machine's (kernel.core_pattern): /usr/lib/systemd/systemd-coredump %P %u"},
	} {
		if got := coreAt(c.pattern, c.usesPid, "host", corpse); got != c.want {
			t.Errorf("%s: %s", c.pattern, got)
		}
	}
}
