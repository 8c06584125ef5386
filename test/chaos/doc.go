// Package chaos kills Dewar's programs while they work and checks the books
// afterwards.
//
// A graph of processes with known exit statuses runs; each of them keeps a
// book of its own, out of the task's reach, of when its runs began and how
// they ended, and numbers the lines that it logs. Meanwhile brains and shims
// are killed. At the end the journal, the books and the logs must tell one
// story, and nothing may be left running.
//
// `make check` kills a few dozen times, `make soak` as often as was promised.
package chaos
