package task

import "strings"

// Job is a task with the words by which a scheduler runs it: Aurora's. On one
// machine only the task is run.
type Job struct {
	Name        string `json:"name"` // default: the task's name
	Role        string `json:"role"`
	Environment string `json:"environment"`
	Cluster     string `json:"cluster"`
	Instances   int    `json:"instances"` // default 1
	Service     bool   `json:"service,omitempty"`
	Contact     string `json:"contact,omitempty"`
	Task        Task   `json:"task"`
}

// Key names the job among all: cluster/role/environment/name.
func (j *Job) Key() string {
	return j.Cluster + "/" + j.Role + "/" + j.Environment + "/" + j.Name
}

// Validate finds everything for which a job is refused, its task included.
func (j *Job) Validate() Problems {
	v := &validation{}
	word := func(field, value string) {
		if value == "" || strings.Map(idLetter, value) != value { // Aurora's rule
			v.add(Path{field}, "the job's %s is %s: use letters, digits, dot, dash and underscore", field, Quote(value))
		}
	}
	if j.Name != "" || len(j.Task.Processes) > 0 { // a task without any is at fault itself
		word("name", j.Name)
	}
	word("role", j.Role)
	word("environment", j.Environment)
	word("cluster", j.Cluster)
	if j.Instances < 1 {
		v.add(Path{"instances"}, "instances is %d: it must be positive", j.Instances)
	}
	for _, p := range j.Task.Validate() {
		v.found = append(v.found, Problem{Path{"task"}.With(p.Path...), p.Sentence})
	}
	return v.found
}
