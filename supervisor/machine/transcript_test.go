package machine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what the machine answers into testdata/*.txt")

// Each file of testdata is a task and what befalls it: blocks of commands
// (theatre_test.go), "----", and everything the machine answered. Lines with #
// are comments. Run with -rewrite to write the answers anew, and review the
// diff.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(data))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(data), got); diff != "" {
				t.Errorf("the machine answers otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

// play is the transcript with the answers of today.
func play(transcript string) string {
	var out strings.Builder
	stage := newStage()
	var block []string
	answers := false
	for line := range strings.Lines(transcript) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case answers && line != "":
		case answers, strings.HasPrefix(line, "#"), line == "":
			answers = false
			out.WriteString(line + "\n")
		case line == "----":
			answers = true
			out.WriteString("----\n" + stage.block(block))
			block = nil
		default:
			block = append(block, line)
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// block is the answer to some commands, and where things stand then.
func (s *stage) block(commands []string) string {
	var out strings.Builder
	for _, c := range commands {
		out.WriteString(s.command(c))
	}
	if s.m != nil {
		out.WriteString(s.quiet())
		s.recoversTheSame()
	}
	return out.String()
}

// quiet says what the machine waits for.
func (s *stage) quiet() string {
	if s.m.terminal() {
		return "over\n"
	}
	boot, ok := s.m.Deadline()
	if !ok {
		return "waits for events\n"
	}
	return fmt.Sprintf("deadline %s\n", s.clock(boot))
}

// recoversTheSame panics unless a recovery here comes to where the live
// machine is; panics end the test with the transcript's name.
func (s *stage) recoversTheSame() {
	again := New(s.task)
	again.SetFull(s.m.full)
	for _, payload := range s.journal {
		if err := again.Replay(payload); err != nil {
			panic(fmt.Sprintf("recover: %v", err))
		}
	}
	if a, b := s.m.State(), again.State(); !reflect.DeepEqual(a, b) {
		panic("a recovery comes to another state:\n" + cmp.Diff(a, b))
	}
}
