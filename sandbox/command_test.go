package sandbox

import (
	"testing"

	"github.com/dewarhq/dewar/task"
	"github.com/google/go-cmp/cmp"
)

func TestCommand(t *testing.T) {
	for name, c := range map[string]struct {
		process task.Process
		shell   string
		want    []string
		err     string
	}{
		"a cmdline": {task.Process{Name: "web", Cmdline: "echo hi"}, Shell, []string{"/bin/bash", "-c", "echo hi"}, ""},
		"an argv":   {task.Process{Name: "web", Argv: []string{"true", "x"}}, "/nowhere/bash", []string{"true", "x"}, ""},
		"no shell":  {task.Process{Name: "web", Cmdline: "echo hi"}, "/nowhere/bash", nil, "run the cmdline of web: no shell: stat /nowhere/bash: no such file or directory; install bash, or give the command as argv"},
		"nothing":   {task.Process{Name: "web"}, Shell, nil, "run web: it has neither cmdline nor argv"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := command(c.process, c.shell)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if text := sentence(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
		})
	}
}

func sentence(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
