// Package file reads the files in which people write tasks.
//
// In comes text, YAML or JSON. Out come tasks with templates expanded and
// defaults filled in, warnings, or errors: all that there are at once, each as
// file:line:col: sentence.
//
//	text ──▶ tree of nodes with positions ──▶ table of fields ──▶ task.Task ──▶ task.Validate
//	         yaml.go, json.go                  fields.go             │              │
//	                                             │                   ▼              ▼
//	                                             ▼                entries,    paths, turned into
//	                                        Schema (JSON)         warnings    positions again
//
// A file is one task, or {task: ...}, or {tasks: [...]}, or {jobs: [...]}. There
// is one table of fields. The decoder walks it, Schema prints it, and a test
// holds it against the Go types, so that the three cannot drift apart.
//
// Some fields can be written in two ways, of which a file has one: Aurora's
// health_check_config, which may also be in the job, for check; check for a list
// of one in checks. A problem that is found in a Task comes back to the words
// that are in the file (node.written).
//
// One thing is checked here that cannot be seen in a Task, whose templates are
// bound: that each port which a check or a call asks is given to a process
// (decoder.ports).
//
// Text that is JSON is read as JSON; everything else is YAML, of which we take
// maps, lists, scalars, comments, anchors, aliases and merge keys (<<). Tags,
// directives, keys marked by ? and a second document are refused: nothing here
// needs them, and one of them makes the library panic. A scalar means what its
// field says, quoted or not: "3" is a number where a number is wanted, 1.10 is
// the text "1.10" where text is. A field without a value is an error.
//
// The package is apart from task so that the YAML library is linked by those
// who read files and not by the brain, which reads only what we wrote.
//
// Deliberately absent: reading from disk, environment variables, includes.
package file
