package file

import "github.com/dewarhq/dewar/task"

var constraints = structure[task.Constraint]{
	name:  "a constraint",
	doc:   "An order among processes.",
	empty: zero[task.Constraint],
	rows: []row[task.Constraint]{
		field("order", listOf(text), func(c *task.Constraint) *[]string { return &c.Order }, "Names of processes. Each starts after the success of the one before it.").must(),
	},
}

var edges = structure[task.Edge]{
	name:  "an edge",
	doc:   "A condition for a start.",
	empty: func() task.Edge { return task.Edge{When: task.WhenSuccess} },
	rows: []row[task.Edge]{
		field("process", text, func(e *task.Edge) *string { return &e.Process }, "The process that is waited for.").must(),
		field("when", choice(task.Whens), func(e *task.Edge) *task.When { return &e.When },
			"success: it has succeeded. started: a run of it has been started. ready: it said READY=1 on $NOTIFY_SOCKET. healthy: all its checks have passed. exit: it has succeeded, or failed for good."),
		field("on_lost", choice(task.OnLosts), func(e *task.Edge) *task.OnLost { return &e.OnLost },
			"Of ready and healthy, when that is so no longer. ignore (the default): nothing. stop: the process is stopped, and started again when it is so again. restart: it runs on, and is restarted when it is so again."),
	},
}

var backoffs = structure[task.Backoff]{
	name:  "a backoff",
	doc:   "Longer pauses after failures.",
	empty: zero[task.Backoff],
	rows: []row[task.Backoff]{
		field("max", positive(duration), func(b *task.Backoff) *task.Duration { return &b.Max }, "The pause grows no further.").must(),
		field("reset", positive(duration), func(b *task.Backoff) *task.Duration { return &b.Reset }, "A run that lasted this long sets the pause back to min_duration. Default: max."),
	},
}

var loggers = structure[task.Logger]{
	name:  "a logger",
	doc:   "Where stdout and stderr of a process go.",
	empty: task.DefaultLogger,
	rows: []row[task.Logger]{
		field("destination", choice(task.Destinations), func(l *task.Logger) *task.Destination { return &l.Destination }, "Files in the sandbox, the console of the task, both, or nowhere."),
		field("mode", choice(task.LogModes), func(l *task.Logger) *task.LogMode { return &l.Mode }, "standard: the process writes the file itself. rotate: the file is bounded."),
		field("rotate", rotations.kind(), func(l *task.Logger) *task.Rotate { return &l.Rotate }, "The bounds in mode rotate."),
	},
}

var rotations = structure[task.Rotate]{
	name:  "a rotation",
	doc:   "Bounds of the log files of one stream of one run.",
	empty: func() task.Rotate { return task.DefaultLogger().Rotate },
	rows: []row[task.Rotate]{
		field("log_size", size, func(r *task.Rotate) *task.Size { return &r.LogSize }, "Size at which a file is put aside."),
		field("backups", integer(1), func(r *task.Rotate) *int { return &r.Backups }, "So many files that were put aside are kept."),
	},
}
