package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) {
	status := m.Run()
	if err := programs.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}
