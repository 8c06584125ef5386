package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// enable hands a controller of v2 down from dir to its children, of which child
// is one. Since 4.5.
func enable(dir, child, word string) error {
	have, err := words2(child + "/cgroup.controllers")
	if err != nil || slices.Contains(have, word) {
		return err
	}
	return writeFile(dir+"/cgroup.subtree_control", "+"+word)
}

// has says whether the group has a controller of v2, and, if not, hands it down
// to it, from the top. why is what kept it from that.
func (g Group) has(word string) (why error) {
	dir := g.tree.place.Unified
	if dir == "" {
		return fmt.Errorf("there is no %s controller here: %w", word, fs.ErrNotExist)
	}
	have, err := words2(g.unified() + "/cgroup.controllers")
	if err != nil || slices.Contains(have, word) {
		return err
	}
	own := path.Dir(dir)
	if have, err = words2(own + "/cgroup.controllers"); err != nil {
		return err
	}
	if !slices.Contains(have, word) {
		return fmt.Errorf("%s/cgroup.controllers does not list %s: %w", own, word, fs.ErrNotExist)
	}
	at := own
	for _, below := range append([]string{""}, prefixes(g.path)...) {
		next := path.Join(dir, below)
		if err := enable(at, next, word); err != nil {
			return g.tree.busy(at, err)
		}
		at = next
	}
	return nil
}

// busy says who is in a group that does not hand controllers down.
func (t *Tree) busy(dir string, err error) error {
	crowded := t.crowded(dir, err)
	if errors.As(crowded, new(*Crowded)) {
		return crowded
	}
	return err
}

// words2 reads a file of words.
func words2(path string) ([]string, error) {
	text, err := readFile(path)
	return strings.Fields(text), err
}
