package file

import "github.com/dewarhq/dewar/task"

// document is a file that is not a task itself.
type document struct {
	Task  *task.Task
	Tasks []task.Task
	Jobs  []job
}

// job has what Aurora writes in a job and we in its task.
type job struct {
	task.Job
	check     *task.Check
	lifecycle *task.Lifecycle
}

var documents = structure[document]{
	name:  "a file",
	doc:   "A file that holds one task, several tasks, or jobs.",
	empty: zero[document],
	rows: []row[document]{
		field("task", optional(taskKind), func(f *document) **task.Task { return &f.Task }, "The one task of the file."),
		field("tasks", listOf(taskKind), func(f *document) *[]task.Task { return &f.Tasks }, "Several tasks; dewar run --task NAME picks one."),
		field("jobs", listOf(jobs.kind()), func(f *document) *[]job { return &f.Jobs }, "Several jobs, as in Aurora; dewar run --task NAME picks one."),
	},
}

var jobs = structure[job]{
	name:  "a job",
	doc:   "A task with the words by which a scheduler runs it.",
	empty: func() job { return job{Job: task.Job{Instances: 1}} },
	rows: []row[job]{
		field("name", text, func(j *job) *string { return &j.Name }, "Name of the job. Default: the task's name."),
		field("role", text, func(j *job) *string { return &j.Role }, "Who owns the job; also the user its processes run as.").must(),
		field("environment", text, func(j *job) *string { return &j.Environment }, "What the job is for, such as prod, devel, test or staging.").must(),
		field("cluster", text, func(j *job) *string { return &j.Cluster }, "Name of the cluster that runs it.").must(),
		field("instances", integer(1), func(j *job) *int { return &j.Instances }, "How many copies of the task run."),
		field("service", boolean, func(j *job) *bool { return &j.Service }, "A copy that ends, however it ends, is replaced."),
		field("contact", text, func(j *job) *string { return &j.Contact }, "Mail address of those who care."),
		field("task", taskKind, func(j *job) *task.Task { return &j.Task }, "What each copy runs.").must(),
		field("health_check_config", optional(healthCheckConfig), func(j *job) **task.Check { return &j.check }, "The check of each copy's task, in Aurora's words."),
		field("lifecycle", optional(lifecycles.kind()), func(j *job) **task.Lifecycle { return &j.lifecycle }, "The calls that each copy's task gets before its processes get signals."),
	},
	later: []string{"announce", "constraints", "container", "cron_collision_policy", "cron_schedule", "enable_hooks", "executor_config",
		"max_task_failures", "metadata", "partition_policy", "priority", "production",
		"sla_policy", "task_links", "tier", "update_config"},
}

var taskKind = tasks.kind()

var tasks = structure[task.Task]{
	name:  "a task",
	doc:   "A small graph of processes that live and end together.",
	empty: task.DefaultTask,
	rows: withAttributes(func(t *task.Task) *task.Attributes { return &t.Attributes },
		field("name", text, func(t *task.Task) *string { return &t.Name }, "Name of the task, usable as a file name. Default: the first process' name."),
		field("processes", listOf(processes.kind()), func(t *task.Task) *[]task.Process { return &t.Processes }, "The processes. Among those that may start, the order here decides.").must(),
		field("constraints", listOf(constraints.kind()), func(t *task.Task) *[]task.Constraint { return &t.Constraints }, "Orders among the processes."),
		field("resources", optional(resources.kind()), func(t *task.Task) **task.Resources { return &t.Resources }, "What the task may use."),
		field("max_failures", integer(0), func(t *task.Task) *int { return &t.MaxFailures }, "So many failed processes fail the task. 0: no number does."),
		field("max_concurrency", integer(0), func(t *task.Task) *int { return &t.MaxConcurrency }, "So many processes run at once. 0: any number."),
		field("finalization_wait", duration, func(t *task.Task) *task.Duration { return &t.FinalizationWait }, "The one budget for stopping what still runs and for the final processes."),
		field("no_new_privs", boolean, func(t *task.Task) *bool { return &t.NoNewPrivs }, "No process gains privileges by executing a program: sudo and su have no power."),
		field("user", text, func(t *task.Task) *string { return &t.User }, "User the processes run as. Default: whoever starts the task."),
		field("oom", choice(task.OOMs), func(t *task.Task) *task.OOM { return &t.OOM },
			"Who dies when a limit of memory is hit. process: the kernel's victim. group: everything of the task, then each run is judged. task: everything, and the task fails."),
		field("disk_action", choice(task.DiskActions), func(t *task.Task) *task.DiskAction { return &t.DiskAction }, "Over the disk of resources the task fails, or it is only said (warn)."),
		field("isolation", optional(isolations.kind()), func(t *task.Task) **task.Isolation { return &t.Isolation }, "Walls around the task. Default: only its control group."),
		field("check", optional(checkKind), func(t *task.Task) **task.Check { return &t.Check }, "Is the task as a whole well?"),
		another("check", field("health_check_config", optional(healthCheckConfig), func(t *task.Task) **task.Check { return &t.Check }, "The same in Aurora's words.")),
		field("lifecycle", optional(lifecycles.kind()), func(t *task.Task) **task.Lifecycle { return &t.Lifecycle }, "The calls that it gets before its processes get signals."),
	),
}

var processes = structure[task.Process]{
	name:  "a process",
	doc:   "One node of a task's graph: a command that is run until it succeeds, or fails for good.",
	empty: task.DefaultProcess,
	rows: withAttributes(func(p *task.Process) *task.Attributes { return &p.Attributes },
		field("name", text, func(p *task.Process) *string { return &p.Name }, "Name of the process, usable as a file name, unique in the task.").must(),
		field("cmdline", text, func(p *task.Process) *string { return &p.Cmdline }, "The command, run by /bin/bash -c. Exactly one of cmdline and argv."),
		field("argv", listOf(text), func(p *task.Process) *[]string { return &p.Argv }, "The command and its arguments, executed without a shell."),
		field("max_failures", integer(0), func(p *task.Process) *int { return &p.MaxFailures }, "So many failed runs fail the process for good. 0: it is tried until it succeeds."),
		field("daemon", boolean, func(p *task.Process) *bool { return &p.Daemon }, "It runs again after a success."),
		field("ephemeral", boolean, func(p *task.Process) *bool { return &p.Ephemeral }, "The task does not wait for it, and it is stopped when the others are done."),
		field("final", boolean, func(p *task.Process) *bool { return &p.Final }, "It runs when all ordinary processes have ended, however they ended."),
		field("min_duration", duration, func(p *task.Process) *task.Duration { return &p.MinDuration }, "Shortest time from the end of a run to the next start."),
		field("backoff", optional(backoffs.kind()), func(p *task.Process) **task.Backoff { return &p.Backoff }, "Doubles min_duration after each failed run."),
		field("logger", loggers.kind(), func(p *task.Process) *task.Logger { return &p.Logger }, "Where stdout and stderr go."),
		field("env", mapOf(text), func(p *task.Process) *map[string]string { return &p.Env }, "Environment variables."),
		field("user", text, func(p *task.Process) *string { return &p.User }, "User it runs as. Default: the task's."),
		field("resources", optional(resources.kind()), func(p *task.Process) **task.Resources { return &p.Resources }, "What it may use of the task's resources; none may be more than the task's."),
		field("after", listOf(edges.kind()), func(p *task.Process) *[]task.Edge { return &p.After }, "What must have happened before it starts."),
		field("ready_timeout", positive(duration), func(p *task.Process) *task.Duration { return &p.ReadyTimeout }, "A run that others wait for to be ready fails if it is not by then."),
		field("stop_signal", signal, func(p *task.Process) *task.Signal { return &p.StopSignal }, "The signal that asks it to end."),
		field("stop_to", choice(task.StopTos), func(p *task.Process) *task.StopTo { return &p.StopTo }, "Who gets stop_signal: every process of the run (group), or only the one that was started (main)."),
		field("stop_timeout", duration, func(p *task.Process) *task.Duration { return &p.StopTimeout }, "It is killed so long after stop_signal."),
		field("leave", boolean, func(p *task.Process) *bool { return &p.Leave }, "Daemons that a run leaves behind may outlive it, but never the task."),
		field("checks", listOf(checkKind), func(p *task.Process) *[]task.Check { return &p.Checks }, "Is it well, is it ready, has it started?"),
		another("checks", field("check", oneOf(checkKind), func(p *task.Process) *[]task.Check { return &p.Checks }, "The only one of checks.")),
		field("pre_stop", optional(preStops.kind()), func(p *task.Process) **task.PreStop { return &p.PreStop }, "What is done before stop_signal."),
	),
}
