//go:build crashpoints

package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// crash is what tests do to a brain, by its environment:
//
//	DEWAR_PANIC=FILE        panic at the first point while FILE is there
//	DEWAR_CRASH_AT=N        SIGKILL to itself at the Nth point
//	DEWAR_CRASH_ONCE=FILE   … if FILE is not there yet; it is made then
//	DEWAR_CRASH_COUNT=FILE  append one byte to FILE at each point
func crash() func(point string) {
	at, _ := strconv.Atoi(os.Getenv("DEWAR_CRASH_AT"))
	once, count, failing := os.Getenv("DEWAR_CRASH_ONCE"), os.Getenv("DEWAR_CRASH_COUNT"), os.Getenv("DEWAR_PANIC")
	if at == 0 && count == "" && failing == "" {
		return nil
	}
	passed := 0
	return func(point string) {
		passed++
		if count != "" {
			mark(count, os.O_APPEND)
		}
		if failing != "" && exists(failing) {
			panic("asked for by DEWAR_PANIC: " + point)
		}
		if passed == at && (once == "" || mark(once, os.O_EXCL)) {
			if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
				panic(err)
			}
			select {} // the signal is on its way
		}
	}
}

// mark writes one byte, and says whether that was possible.
func mark(path string, flag int) bool {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o644)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Write([]byte("."))
	return err == nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
