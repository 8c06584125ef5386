// Package task holds the words that everyone here uses: Task, Process, Edge,
// Check, Resources, Launch, and what can be known about them without running
// anything.
//
// In comes a task as Go values or as JSON that we wrote ourselves (task.json);
// out come the same values with every default filled in, the problems found in
// them (Problem, each with a Path), their graph (Edges), how late their checks
// see a hang (Check.Detection), their templates expanded (Expand), their
// differences (Diff), and names for them (NewID).
//
// Deliberately absent: files that people write. Those come in YAML or JSON
// through the sub-package file, which keeps the YAML library and the positions
// of things in a file out of the brain. Absent too are clocks, randomness,
// users, system calls: the package is pure and builds on any system.
//
//	            file.Parse            File.Check, File.Bind
//	bytes ────────────────▶ tree ────────────────────────▶ Task, Problems
//	                                 templates, defaults        │
//	                                                            ▼
//	brain ◀──────────────── task.json ◀──────────────────── Launch
//	         ReadLaunch                   Launch.Encode
package task
