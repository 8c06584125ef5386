package observer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// IDs are the ids of the tasks under root, sorted. There are none if root does
// not exist. Links, and names that no task can have, are passed over.
func IDs(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for tasks: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && task.CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// List reads all tasks under root, sorted by id. One that goes meanwhile is
// left out; what is wrong with one is in its View.
func List(root string) ([]*View, error) {
	ids, err := IDs(root)
	if err != nil {
		return nil, err
	}
	views := make([]*View, 0, len(ids))
	for _, id := range ids {
		v, err := Read(task.Dir(filepath.Join(root, id)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			v = &View{ID: id, Dir: task.Dir(filepath.Join(root, id)), Problems: []error{err}, machine: machine.New(task.Task{}), unsure: true}
		}
		views = append(views, v)
	}
	return views, nil
}

// NotFound says that an id, or the beginning of one, names no task, or more
// than one.
type NotFound struct {
	Root       string
	Given      string
	Candidates []string // of those that begin with Given, if any do; else one that is meant perhaps
	Ambiguous  bool
}

func (e *NotFound) Error() string {
	const most = 5
	switch {
	case e.Given == "":
		return "the task id is empty"
	case !e.Ambiguous && len(e.Candidates) == 0:
		return fmt.Sprintf("there is no task %s under %s", task.Quote(e.Given), e.Root)
	case !e.Ambiguous:
		return fmt.Sprintf("there is no task %s under %s; did you mean %s?", task.Quote(e.Given), e.Root, e.Candidates[0])
	case len(e.Candidates) > most:
		return fmt.Sprintf("%d tasks begin with %s: %s and %d more", len(e.Candidates), task.Quote(e.Given),
			strings.Join(e.Candidates[:most], ", "), len(e.Candidates)-most)
	}
	return fmt.Sprintf("%d tasks begin with %s: %s", len(e.Candidates), task.Quote(e.Given), strings.Join(e.Candidates, ", "))
}

// Find is the directory of the one task under root whose id is, or else begins
// with, given. Otherwise the error is a *NotFound, if root could be read.
func Find(root, given string) (task.Dir, error) {
	ids, err := IDs(root)
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		if id == given {
			return task.Dir(filepath.Join(root, id)), nil
		}
		if strings.HasPrefix(id, given) {
			found = append(found, id)
		}
	}
	switch {
	case given == "":
		return "", &NotFound{Root: root}
	case len(found) == 1:
		return task.Dir(filepath.Join(root, found[0])), nil
	case len(found) > 1:
		return "", &NotFound{Root: root, Given: given, Candidates: found, Ambiguous: true}
	}
	nobody := &NotFound{Root: root, Given: given}
	if near := task.Nearest(given, ids); near != "" {
		nobody.Candidates = []string{near}
	}
	return "", nobody
}
