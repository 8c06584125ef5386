package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// enable hands a controller of v2 down from a group to its children. Since 4.5.
func enable(dir, word string) error {
	file := dir + "/cgroup.subtree_control"
	have, err := words2(file)
	if err != nil || slices.Contains(have, word) {
		return err
	}
	return writeFile(file, "+"+word)
}

// withdraw takes back what a group of v2 hands down to its children.
func withdraw(dir string) error {
	file := dir + "/cgroup.subtree_control"
	have, err := words2(file)
	if err != nil || len(have) == 0 {
		return err
	}
	return writeFile(file, "-"+strings.Join(have, " -"))
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
	above := []string{own}
	for _, below := range append([]string{""}, prefixes(path.Dir(g.path))...) {
		above = append(above, path.Join(dir, below))
	}
	for _, at := range above {
		err := enable(at, word)
		if errors.Is(err, syscall.EBUSY) {
			return g.tree.crowded(at, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// words2 reads a file of words.
func words2(path string) ([]string, error) {
	text, err := readFile(path)
	return strings.Fields(text), err
}
