package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dewarhq/dewar/task"
)

// Program is the name of the program that builds walls. It is looked for beside
// the brain's own.
const Program = "dewar-container"

// The files of a run's directory.
const (
	WallsName     = "walls"
	UnstartedName = "unstarted"
	StateName     = "box" // a directory of dewar-container's, for those who enter later
)

// Walls are what dewar-container is to build for one run, and what it executes
// inside.
type Walls struct {
	TaskDir string `json:"task_dir"` // absolute
	Run     string `json:"run"`      // "web/3", for sentences

	Args       []string               `json:"args"` // Args[0] without a slash is looked up in PATH, inside, as the user
	Env        []string               `json:"env"`  // all of the command's, but for NOTIFY_SOCKET; the helper itself gets none of it
	Cwd        string                 `json:"cwd"`  // absolute; as it is inside
	UID        int                    `json:"uid"`
	GID        int                    `json:"gid"`
	Groups     []int                  `json:"groups,omitempty"` // supplementary; exactly these
	Umask      task.Umask             `json:"umask"`
	NoNewPrivs bool                   `json:"no_new_privs,omitempty"`
	Rlimits    map[string]task.Rlimit `json:"rlimits,omitempty"`  // set on the command alone: a limit that is right for it would be wrong for us
	Defaults   []string               `json:"defaults,omitempty"` // those of Rlimits that nobody asked for, and may be cut down to the hard limit

	Isolation task.Isolation `json:"isolation"`
}

// Command is what the shim is to execute for a run with walls, as root.
func Command(program, runDir string) []string { return []string{program, "run", runDir} }

// Write puts the walls of a run into its directory, beside the sentence that is
// true until they stand. What is already there is replaced.
func Write(runDir string, w Walls) error {
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("write the walls of %s: %w", w.Run, err)
	}
	sentence := "build the walls of " + w.Run + ": " + Program + " ended before they stood\n"
	if err := os.WriteFile(filepath.Join(runDir, UnstartedName), []byte(sentence), 0o640); err != nil {
		return fmt.Errorf("write the walls of %s: %w", w.Run, err)
	}
	if err := os.WriteFile(filepath.Join(runDir, WallsName), data, 0o640); err != nil {
		return fmt.Errorf("write the walls of %s: %w", w.Run, err)
	}
	return nil
}

// Read is for dewar-container.
func Read(runDir string) (Walls, error) {
	path := filepath.Join(runDir, WallsName)
	data, err := os.ReadFile(path)
	if err != nil {
		return Walls{}, fmt.Errorf("read the walls: %w", err)
	}
	var w Walls
	if err := json.Unmarshal(data, &w); err != nil {
		return Walls{}, fmt.Errorf("read the walls in %s: %w", path, err)
	}
	if len(w.Args) == 0 || !filepath.IsAbs(w.Cwd) || !filepath.IsAbs(w.TaskDir) || w.Run == "" {
		return Walls{}, fmt.Errorf("read the walls in %s: there is no command, run, working directory or task", path)
	}
	return w, nil
}

// mostSentence bounds what is read of the file unstarted.
const mostSentence = 4096

// Unstarted says of a run with walls that has ended whether its command was
// never executed, and why: the file's first line, and in brackets its second, by
// which a runtime may have said what it died of. An error means that this
// cannot be told.
func Unstarted(runDir string) (sentence string, unstarted bool, err error) {
	data, err := os.ReadFile(filepath.Join(runDir, UnstartedName))
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read whether the run was started: %w", err)
	}
	text := strings.ToValidUTF8(string(data[:min(len(data), mostSentence)]), "?")
	sentence, more, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if last, _, _ := strings.Cut(more, "\n"); last != "" {
		sentence += " (" + last + ")"
	}
	return sentence, true, nil
}

// Available says why no walls can be built with the program at path, if so.
// Walls need root: the error of an ordinary user says that first.
func Available(path string) error {
	if os.Geteuid() != 0 {
		return errors.New("build walls (isolation): only root can; run the task as root, or take isolation out of it")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("build walls (isolation): %s is not there: it is the one program that is built with cgo, by make where gcc and a static C library are (Debian: gcc, libc6-dev)", path)
	case err != nil:
		return fmt.Errorf("build walls (isolation): look at %s: %w", path, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("build walls (isolation): %s is not a program", path)
	}
	return nil
}
