package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/test/needs"
	"github.com/dewarhq/dewar/test/programs"
)

// TestLinks watches what dewar links: people run it often, and wait for it.
func TestLinks(t *testing.T) {
	cmd := exec.Command(needs.Go(t), "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for pkg, why := range map[string]string{
		"github.com/dewarhq/dewar/supervisor": "dewar is never itself a brain",
		"net/http":                            "the client of a brain's door speaks HTTP without it",
		"crypto/tls":                          "nothing here leaves the machine",
		"encoding/gob":                        "nothing needs it",
		"log/slog":                            "dewar logs nothing: it speaks to a person",
		"testing":                             "no program carries the test library",
	} {
		if slices.Contains(deps, pkg) {
			t.Errorf("dewar links %s: %s", pkg, why)
		}
	}
	for _, dep := range deps {
		if strings.HasPrefix(dep, "github.com/prometheus/") || strings.HasPrefix(dep, "google.golang.org/") {
			t.Errorf("dewar links %s, which is an observer's affair", dep)
		}
	}
}

// TestSize bounds the stripped program; it had 6.9 MB when this was written.
func TestSize(t *testing.T) {
	const most = 10 << 20
	info, err := os.Stat(programs.Path(t, "dewar"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > most {
		t.Errorf("dewar has %d bytes, more than %d: what did it begin to link?", info.Size(), most)
	}
}
