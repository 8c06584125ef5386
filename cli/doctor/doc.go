// Package doctor looks at what a machine has for Dewar, one fact at a time: what
// it is, whether that is well, and if not what to do about it.
//
// In come the kernel's files and answers; out go Facts. A fact is made by a
// function that is given what the kernel said (texts, numbers, errors), which is
// tested with the kernel's own words; asking is apart from judging. Features are
// found by trying, and only where trying would change something by the kernel's
// version.
//
// Nothing is changed and nothing is left behind. Deliberately absent: printing,
// and finding Dewar's own programs (package launch does).
package doctor
