package task

// Task is a small graph of processes that live and end together. Its field
// names and defaults are Aurora's; see docs/ for where the meaning differs.
type Task struct {
	Name             string       `json:"name"`
	Processes        []Process    `json:"processes"`
	Constraints      []Constraint `json:"constraints,omitempty"`
	Resources        *Resources   `json:"resources,omitempty"` // as written; Limits has the defaults
	MaxFailures      int          `json:"max_failures"`        // failed processes that fail the task; 0: never by count
	MaxConcurrency   int          `json:"max_concurrency"`     // running processes of the current plan; 0: unlimited
	FinalizationWait Duration     `json:"finalization_wait"`   // the one budget for CLEANING and FINALIZING
	NoNewPrivs       bool         `json:"no_new_privs"`
	Isolation        *Isolation   `json:"isolation,omitempty"` // nil: no walls, only groups
	User             string       `json:"user,omitempty"`      // empty: whoever starts the task
	OOM              OOM          `json:"oom,omitempty"`
	DiskAction       DiskAction   `json:"disk_action,omitempty"`
	Check            *Check       `json:"check,omitempty"` // of the task as a whole: Aurora's health_check_config
	Lifecycle        *Lifecycle   `json:"lifecycle,omitempty"`
	Attributes
}

// Process is one node of a task's graph. It may run many times; each time is
// a run, numbered from 0.
type Process struct {
	Name         string            `json:"name"`
	Cmdline      string            `json:"cmdline,omitempty"` // run by /bin/bash -c; exactly one of Cmdline and Argv
	Argv         []string          `json:"argv,omitempty"`    // executed without a shell
	MaxFailures  int               `json:"max_failures"`      // failed runs that fail the process for good; 0: never
	Daemon       bool              `json:"daemon,omitempty"`
	Ephemeral    bool              `json:"ephemeral,omitempty"`
	Final        bool              `json:"final,omitempty"`
	MinDuration  Duration          `json:"min_duration"` // floor between the end of a run and the next start
	Backoff      *Backoff          `json:"backoff,omitempty"`
	Logger       Logger            `json:"logger"`
	Env          map[string]string `json:"env,omitempty"`
	User         string            `json:"user,omitempty"` // empty: the task's
	Resources    *Resources        `json:"resources,omitempty"`
	After        []Edge            `json:"after,omitempty"`
	ReadyTimeout Duration          `json:"ready_timeout"`
	StopSignal   Signal            `json:"stop_signal"`
	StopTo       StopTo            `json:"stop_to"`
	StopTimeout  Duration          `json:"stop_timeout"`
	Leave        bool              `json:"leave,omitempty"` // daemons that a run leaves behind may outlive the run (never the task)
	Checks       []Check           `json:"checks,omitempty"`
	PreStop      *PreStop          `json:"pre_stop,omitempty"`
	Attributes
}

// Constraint orders processes: each starts after its predecessor's SUCCESS.
type Constraint struct {
	Order []string `json:"order"`
}

// Edge gates the start of the process that carries it.
type Edge struct {
	Process string `json:"process"`
	When    When   `json:"when"`
	OnLost  OnLost `json:"on_lost,omitempty"` // of WhenReady and WhenHealthy
}

// When says what of an edge's predecessor satisfies the edge.
type When string

const (
	WhenStarted When = "started" // a run of it has been started
	WhenReady   When = "ready"   // it said READY=1 on $NOTIFY_SOCKET
	WhenHealthy When = "healthy" // all its checks have passed, of its live run
	WhenSuccess When = "success" // it has finished with SUCCESS; the default
	WhenExit    When = "exit"    // it is finished, or failed for good
)

// StopTo says who gets a process' stop signal.
type StopTo string

const (
	StopGroup StopTo = "group" // every process of the run
	StopMain  StopTo = "main"  // only the process that was started
)

// Backoff doubles the floor between runs after each failed run.
type Backoff struct {
	Max   Duration `json:"max"`   // the floor grows no further
	Reset Duration `json:"reset"` // a run that lasted this long sets it back to min_duration
}

// Logger says where a process' stdout and stderr go.
type Logger struct {
	Destination Destination `json:"destination"`
	Mode        LogMode     `json:"mode"`
	Rotate      Rotate      `json:"rotate"`
}

// Destination is where logs go.
type Destination string

const (
	ToFile    Destination = "file"
	ToConsole Destination = "console"
	ToBoth    Destination = "both"
	ToNone    Destination = "none"
)

// LogMode is how log files grow.
type LogMode string

const (
	LogStandard LogMode = "standard" // the process writes the file itself
	LogRotate   LogMode = "rotate"   // the shim writes it and rotates it
)

// Rotate bounds the logs of one stream of one run: 1+Backups files of LogSize
// bytes each.
type Rotate struct {
	LogSize Size `json:"log_size"`
	Backups int  `json:"backups"`
}

// Launch is a task as it was launched: every template bound, every default
// filled in. It is what task.json holds, and all that a brain needs to know.
type Launch struct {
	Version    int               `json:"version"` // of this format: 1
	ID         string            `json:"id"`
	Task       Task              `json:"task"`
	Ports      map[string]int    `json:"ports,omitempty"`
	Bindings   map[string]string `json:"bindings,omitempty"`
	Instance   int               `json:"instance"`
	Hostname   string            `json:"hostname"`
	Owner      string            `json:"owner"`              // user name of whoever launched it
	User       string            `json:"user"`               // user name the processes run as, unless one says otherwise
	BaseEnv    map[string]string `json:"base_env,omitempty"` // the caller's environment, with --preserve-env
	Path       string            `json:"path,omitempty"`     // PATH of the processes; empty in files of older versions, which lack lang and tz too
	Lang       string            `json:"lang,omitempty"`     // the caller's LANG and TZ, which the processes get too
	TZ         string            `json:"tz,omitempty"`
	Launched   int64             `json:"launched"`       // wall clock, nanoseconds since 1970
	Sync       bool              `json:"sync,omitempty"` // fsync every journal record
	SourceFile string            `json:"source_file,omitempty"`
	Groups     Groups            `json:"groups,omitempty"`
	GroupsWhy  string            `json:"groups_why,omitempty"` // of NoGroups: why, the end of a sentence
}

// Groups says whether a task's processes are contained in kernel groups.
type Groups string

const (
	AutoGroups Groups = ""       // if they can be made
	NoGroups   Groups = "none"   // limits are not enforced, and nothing is proven dead by the kernel
	OwnGroups  Groups = "cgroup" // beneath the group of whoever starts the task
	AllGroups  Groups = "scope"  // likewise, and every process in that group is Dewar's
)
