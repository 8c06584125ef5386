// Package show says in text what others know as values: a journal's records
// as lines, a task as a graph, a state as a table, a chain of causes as a
// screen.
//
// In come values (task.Task, machine records, what observer has read) and the
// present moment; out goes text. Deliberately absent: files, the clock, the
// terminal, colours (cli/tree has them), and every rule of the system.
package show
