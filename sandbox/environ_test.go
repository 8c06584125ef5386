package sandbox

import (
	"testing"

	"github.com/dewarhq/dewar/task"
	"github.com/google/go-cmp/cmp"
)

func TestEnviron(t *testing.T) {
	plain := Setting{TaskID: "hello-1", Run: task.RunID{Process: "web", Run: 3}, Sandbox: "/t/sandbox", User: "www"}
	with := func(change func(*Setting)) Setting {
		s := plain
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		in   Setting
		want []string
	}{
		"nothing but what has a name": {plain, []string{
			"DEWAR_PROCESS=web", "DEWAR_RUN=3", "DEWAR_TASK_ID=hello-1", "HOME=/t/sandbox", "LOGNAME=www",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=/t/sandbox/.tmp", "USER=www"}},
		"the executor's language, zone and path": {with(func(s *Setting) { s.Lang, s.TZ, s.Path = "C.UTF-8", "Europe/Prague", "/opt/bin" }), []string{
			"DEWAR_PROCESS=web", "DEWAR_RUN=3", "DEWAR_TASK_ID=hello-1", "HOME=/t/sandbox", "LANG=C.UTF-8", "LOGNAME=www",
			"PATH=/opt/bin", "TMPDIR=/t/sandbox/.tmp", "TZ=Europe/Prague", "USER=www"}},
		"a profile": {with(func(s *Setting) { s.Profile = true }), []string{
			"BASH_ENV=/t/sandbox/.thermos_profile", "DEWAR_PROCESS=web", "DEWAR_RUN=3", "DEWAR_TASK_ID=hello-1", "HOME=/t/sandbox", "LOGNAME=www",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=/t/sandbox/.tmp", "USER=www"}},
		"the process' own wins, but not over the marks of the run": {with(func(s *Setting) {
			s.Env = map[string]string{"HOME": "/home/www", "PATH": "/mine", "DEWAR_RUN": "99", "DEWAR_TASK_ID": "", "A": "b=c"}
		}), []string{
			"A=b=c", "DEWAR_PROCESS=web", "DEWAR_RUN=3", "DEWAR_TASK_ID=hello-1", "HOME=/home/www", "LOGNAME=www",
			"PATH=/mine", "TMPDIR=/t/sandbox/.tmp", "USER=www"}},
		"the caller's as the base": {with(func(s *Setting) {
			s.Lang = "C"
			s.Base = map[string]string{"PATH": "/caller", "LANG": "de_DE", "HOME": "/root", "PWD": "/", "NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "USER": "root", "EDITOR": "ed", "DEWAR_PROCESS": "outer"}
		}), []string{
			"DEWAR_PROCESS=web", "DEWAR_RUN=3", "DEWAR_TASK_ID=hello-1", "EDITOR=ed", "HOME=/t/sandbox", "LANG=de_DE", "LOGNAME=www",
			"PATH=/caller", "TMPDIR=/t/sandbox/.tmp", "USER=www"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Environ(c.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
