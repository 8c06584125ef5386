// Package quiet keeps the terminal untouched until the live tree is shown.
//
// Bubble Tea asks the terminal for its background colour in a package
// initialiser (tea_init.go): it writes an escape sequence, switches echo off
// and waits up to five seconds for the answer, eating what was typed ahead.
// Every `dewar version` on a terminal would pay for it. termenv leaves the
// terminal alone when CI is set, so this package sets it for the length of the
// initialisation, and Restore takes it back.
//
// It works because the language says in which order packages are initialised:
// sorted by import path, each as soon as all that it imports is ready. This
// package imports nothing but os, and Bubble Tea imports os/signal, which
// sorts after this package's path. It must never import anything else; a test
// in cmd/dewar watches a terminal.
package quiet
