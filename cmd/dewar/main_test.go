package main

import (
	"os"
	"testing"

	"github.com/dewarhq/dewar/test/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
