// Package faults gives Dewar's programs what they cannot work with, one thing
// a test, and reads what they say: each fault has its sentence and its exit
// status, and none is taken for what the user's command did.
package faults
