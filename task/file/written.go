package file

import "github.com/dewarhq/dewar/task"

// spellings are the other ways in which a field of a Task can be written. The
// names in a spelling lead from what holds the field to what is meant by it.
var spellings = map[string][]string{
	"check":                  {"health_check_config"},
	"http":                   {"health_checker", "http"},
	"shell":                  {"health_checker", "shell", "shell_command"},
	"interval":               {"interval_secs"},
	"timeout":                {"timeout_secs"},
	"initial_interval":       {"initial_interval_secs"},
	"graceful_shutdown_wait": {"graceful_shutdown_wait_secs"},
	"shutdown_wait":          {"shutdown_wait_secs"},
}

// written is the path in the file of what a path leads to in a Task: the one
// check of a process for the list of them, Aurora's words for ours, in the job
// what Aurora has there.
func (n *node) written(path task.Path) task.Path {
	var job *node // whose task is being walked through
	var out task.Path
	for i := 0; i < len(path) && n != nil; i++ {
		name, isName := path[i].(string)
		_, here := n.member(path[i])
		spelling := task.Path{path[i]}
		switch {
		case here || !isName:
		case name == "checks" && n.field("check") != nil && i+1 < len(path):
			spelling, i = task.Path{"check"}, i+1
		case job != nil && (name == "check" || name == "lifecycle") && len(job.spelled(name)) > 0:
			n, out, spelling = job, out[:len(out)-1], job.spelled(name)
		case len(n.spelled(name)) > 0:
			spelling = n.spelled(name)
		}
		if job = nil; name == "task" {
			job = n
		}
		for _, step := range spelling {
			if n != nil {
				n, _ = n.member(step)
			}
		}
		out = append(out, spelling...)
		if n == nil {
			return append(out, path[i+1:]...)
		}
	}
	return out
}

// spelled is how a field is written in an object, if it is there.
func (n *node) spelled(name string) (found task.Path) {
	if n.field(name) != nil {
		return task.Path{name}
	}
	spelling := spellings[name]
	if len(spelling) == 0 || n.field(spelling[0]) == nil {
		return nil
	}
	for _, step := range spelling {
		found = append(found, step)
	}
	return found
}
