package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// archive writes a cpio archive in the "newc" format, which the kernel unpacks
// as its first root (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w   io.Writer
	ino int
	err error // the first; later calls do nothing
}

func (a *archive) dir(name string) { a.add(name, 0o040755, nil) }

func (a *archive) file(name string, mode os.FileMode, content []byte) {
	a.add(name, 0o100000|uint32(mode.Perm()), content)
}

// close ends the archive and answers the first error of all.
func (a *archive) close() error {
	a.add("TRAILER!!!", 0, nil)
	return a.err
}

func (a *archive) add(name string, mode uint32, content []byte) {
	if a.err != nil {
		return
	}
	a.ino++
	head := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0) + name + "\x00"
	for _, part := range [][]byte{[]byte(head), content} {
		if _, a.err = a.w.Write(append(slices.Clip(part), make([]byte, -len(part)&3)...)); a.err != nil {
			return
		}
	}
}

// writeInitramfs writes the guest's first root: this program as /init, the
// kernel's modules and the job.
func writeInitramfs(w io.Writer, modules []string, j job) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := checkStatic(self); err != nil {
		return err
	}
	a := &archive{w: w}
	for _, dir := range []string{"dev", "proc", "sys", "lower", "rw", "new", moduleDir[1:]} {
		a.dir(dir)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	a.file(initProgram[1:], 0o755, program)
	for _, path := range modules {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		a.file(filepath.Join(moduleDir[1:], filepath.Base(path)), 0o644, content)
		j.Modules = append(j.Modules, filepath.Base(path))
	}
	task, err := json.Marshal(j)
	if err != nil {
		return err
	}
	a.file(jobFile[1:], 0o644, task)
	return a.close()
}

// checkStatic refuses a program that needs a dynamic loader: the initramfs has
// none.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	dynamic := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if err := f.Close(); err != nil {
		return err
	}
	if dynamic {
		return errors.New("this program is linked dynamically and cannot be the guest's init: build it with CGO_ENABLED=0 and without -race")
	}
	return nil
}
