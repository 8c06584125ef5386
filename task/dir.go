package task

import (
	"path/filepath"
	"strconv"
)

// Dir is the path of one task's directory. Its methods name what is inside;
// none of them touches the file system.
//
//	task.json              the task as launched (Launch)
//	journal                every event, framed and checksummed
//	journal.cut            a torn tail that was cut off the journal
//	lock                   which brain drives the task (POSIX record lock)
//	control.sock           the brain's door for the CLI
//	shim.lock, shim.sock   held by the shim while it lives; its door for the brain
//	shutdown               a standing wish to end the task
//	brain-failing          why no brain works; written by the shim
//	brain.log              what the brains wrote to stderr
//	console                what the shim wrote to stdout: the logs of processes with destination console
//	groups                 where the kernel groups of the task are, or why there are none
//	disk                   what the sandbox held when it was last counted, or the project by which the kernel counts it
//	members, members.lock  whose namespaces the task's runs share; dewar-container's
//	rootfs                 the task's own root file system, if it was a tar; dewar-container's
//	rootfs.part, rootfs.lock
//	runs/<process>/<n>/    spec and status of one run, and what its walls are to be
//	runs/<process>/<n>/evidence/<why>/   what it looked like when it was killed for health, hung, or crashed
//	sandbox/               the processes' working directory
//	sandbox/.logs/<process>/<n>/stdout, stderr
type Dir string

func (d Dir) join(name string) string { return filepath.Join(string(d), name) }

func (d Dir) TaskJSON() string     { return d.join("task.json") }
func (d Dir) Journal() string      { return d.join("journal") }
func (d Dir) Lock() string         { return d.join("lock") }
func (d Dir) ControlSock() string  { return d.join("control.sock") }
func (d Dir) ShimLock() string     { return d.join("shim.lock") }
func (d Dir) ShimSock() string     { return d.join("shim.sock") }
func (d Dir) Shutdown() string     { return d.join("shutdown") }
func (d Dir) BrainFailing() string { return d.join("brain-failing") }
func (d Dir) BrainLog() string     { return d.join("brain.log") }
func (d Dir) Console() string      { return d.join("console") }
func (d Dir) Groups() string       { return d.join("groups") }
func (d Dir) DiskUsage() string    { return d.join("disk") }
func (d Dir) Sandbox() string      { return d.join("sandbox") }
func (d Dir) Runs() string         { return d.join("runs") }

// Run is the directory of one run.
func (d Dir) Run(r RunID) string { return d.join(r.Dir()) }

// Spec is the file that says what a run is to be.
func (d Dir) Spec(r RunID) string { return filepath.Join(d.Run(r), "spec") }

// Status is the file that says what became of a run.
func (d Dir) Status(r RunID) string { return filepath.Join(d.Run(r), "status") }

// Logs is the directory of a run's stdout and stderr.
func (d Dir) Logs(r RunID) string { return d.join(r.LogDir()) }

// RunID names one run of one process of a task.
type RunID struct {
	Process string `json:"process"`
	Run     int    `json:"run"`
}

func (r RunID) String() string { return r.Process + "/" + strconv.Itoa(r.Run) }

// Dir is the run's directory, relative to the task's.
func (r RunID) Dir() string { return "runs/" + r.String() }

// LogDir is the directory of the run's logs, relative to the task's.
func (r RunID) LogDir() string { return "sandbox/.logs/" + r.String() }

// EvidenceDir is where evidence of the run is, gathered for a reason that is a
// word ("stop-timeout"), relative to the task's directory.
func (r RunID) EvidenceDir(why string) string { return r.Dir() + "/evidence/" + why }
