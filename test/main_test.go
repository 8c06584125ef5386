// Package test runs whole programs against real things, and watches which way
// imports run.
package test

import (
	"os"
	"testing"

	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
