// Package shim is the resident parent of a task's processes: it starts runs
// when the brain asks, waits for them, records their ends, carries their logs,
// reaps, and keeps the brain running. It also holds the step between fork and
// command, and the wire and file formats that shim and brain share.
package shim
