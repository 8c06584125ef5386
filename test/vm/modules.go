package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// kernelModules are the modules of one unpacked kernel, by name.
type kernelModules struct {
	path    map[string]string // of the file
	builtin map[string]bool
}

// findModules looks for modules below dir, which is lib/modules/VERSION.
func findModules(dir string) (*kernelModules, error) {
	k := &kernelModules{path: map[string]string{}, builtin: map[string]bool{}}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("list the kernel's own modules: %w", err)
	}
	for _, path := range strings.Fields(string(list)) {
		k.builtin[moduleName(path)] = true
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasSuffix(path, ".ko") {
			k.path[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the kernel's modules: %w", err)
	}
	return k, nil
}

// moduleName is the name by which a module is known to others: in a file's
// name "-" may stand for "_".
func moduleName(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

// order answers the files of the named modules and of all they depend on, each
// after those it needs. What is built into the kernel is left out.
func (k *kernelModules) order(names ...string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = moduleName(name)
		if seen[name] || k.builtin[name] {
			return nil
		}
		seen[name] = true
		path, ok := k.path[name]
		if !ok {
			return fmt.Errorf("this kernel has no module %s", name)
		}
		info, err := moduleInfo(path)
		if err != nil {
			return fmt.Errorf("read module %s: %w", path, err)
		}
		for _, need := range depends(info) {
			if err := visit(need); err != nil {
				return fmt.Errorf("module %s: %w", name, err)
			}
		}
		files = append(files, path)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// moduleInfo is a module's section .modinfo: words NAME=VALUE, each ended by
// a zero byte.
func moduleInfo(path string) (info []byte, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no section .modinfo")
	}
	return section.Data()
}

// depends are the names in the word "depends" of a module's info.
func depends(info []byte) []string {
	for word := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(word, "depends="); ok && list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}
