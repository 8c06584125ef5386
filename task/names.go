package task

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes that a name may have: it becomes the name of a
// directory (at most 255 bytes) to which something may be added.
const MaxName = 200

// CheckName says why a name cannot be the name of a task or a process. Spaces
// and letters of any script are fine.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("is empty")
	case len(name) > MaxName:
		return fmt.Errorf("is %d bytes long: the most is %d", len(name), MaxName)
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("begins with a dot: it becomes the name of a directory, which must not be hidden")
	case strings.Contains(name, "/"):
		return fmt.Errorf("contains a slash: it becomes the name of one directory")
	case !utf8.ValidString(name):
		return fmt.Errorf("is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("contains a control character")
	}
	return nil
}

// CheckEnvName says why a name cannot be the name of an environment variable.
func CheckEnvName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("is empty")
	case strings.Contains(name, "="):
		return fmt.Errorf(`contains "="`)
	case strings.Contains(name, "\x00"):
		return fmt.Errorf("contains a NUL character")
	case !utf8.ValidString(name):
		return fmt.Errorf("is not UTF-8")
	}
	return nil
}

// MaxArgument is the most bytes that the kernel takes as one argument or one
// environment variable (MAX_ARG_STRLEN less its final NUL, execve(2)).
const MaxArgument = 131071

// checkArgument says why a text cannot be handed to a command.
func checkArgument(text string) error {
	switch {
	case len(text) > MaxArgument:
		return fmt.Errorf("is %d bytes long; the kernel takes no more than %d in one argument: put it into a file and name the file here", len(text), MaxArgument)
	case strings.Contains(text, "\x00"):
		return fmt.Errorf("contains a NUL character, which no command can be given")
	case !utf8.ValidString(text):
		return fmt.Errorf("is not UTF-8")
	}
	return nil
}
