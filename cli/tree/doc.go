// Package tree shows a task live on a terminal: one line for each process,
// with its state, run, duration and last word.
//
// In come messages: what the task is now (Changed), what its processes log
// (Logged) or say on the console (Said), that it is over (Over), what came of asking for a kill
// (Asked), and what Bubble Tea brings: keys, the window's size, a second that
// has passed. Out go a picture, and wishes to kill: the first ^C with grace,
// the second at once.
//
//	                 Changed, Logged, Said, Over
//	follower ────────────────────────────▶ Model ──▶ picture
//	                                         │ ^C
//	kill     ◀───────────────────────────────┘
//	         ────────────── Asked ─────────▶
//
// Update and View are pure. Deliberately absent: files, the task's rules, the
// words for states and reasons (they come as text), and any question to the
// terminal: colours are the sixteen that look right on any background.
package tree
