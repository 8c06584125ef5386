// Package top shows what tasks use: a line for each task, and below it a line
// for each of its processes, sorted by what people look for.
//
// In come figures (Sampled) and what Bubble Tea brings: keys and the window's
// size. Out goes a picture, or the same as plain text (Text).
//
// Update and View are pure. Deliberately absent: reading anything, the clock,
// and any question to the terminal.
package top
