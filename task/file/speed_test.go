package file

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
)

// big is a task of n processes in a row.
func big(n int) (yaml, json string) {
	var y, j, order strings.Builder
	y.WriteString("name: big\nprocesses:\n")
	j.WriteString(`{"name": "big", "processes": [`)
	for i := range n {
		fmt.Fprintf(&y, "  - name: process %d\n    cmdline: |\n      echo {{thermos.task_id}} %d\n      true\n    env: {A: b, C: \"d\"}\n    after: [{process: \"process %d\", when: started}]\n", i, i, max(0, i-1))
		fmt.Fprintf(&j, `{"name": "process %d", "cmdline": "echo {{thermos.task_id}} %d\ntrue\n", "env": {"A": "b", "C": "d"}, "after": [{"process": "process %d", "when": "started"}]},`, i, i, max(0, i-1))
		fmt.Fprintf(&order, `"process %d", `, i)
	}
	y.WriteString("  - {name: last, cmdline: x}\nconstraints: [{order: [" + order.String() + "last]}]\n")
	j.WriteString(`{"name": "last", "cmdline": "x"}], "constraints": [{"order": [` + order.String() + `"last"]}]}`)
	// the first process waits for itself, so that the errors' way is walked too
	return y.String(), j.String()
}

func BenchmarkRead10000(b *testing.B) {
	yaml, json := big(10_000)
	for name, text := range map[string]string{"yaml": yaml, "json": json} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f, err := Parse("big."+name, []byte(text))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Check(nil); err == nil {
					b.Fatal("the cycle was not found")
				}
			}
		})
	}
}

// TestBigFiles bounds what must not grow with the square of the file: twenty
// times what was measured.
func TestBigFiles(t *testing.T) {
	yaml, _ := big(5_000)
	_, json := big(10_000)
	few, _ := big(300)
	loop := `{process: "process 0", when: started}`
	command := "processes:\n  - name: a\n    cmdline: |\n" + strings.Repeat("      echo\n", 40_000)
	var volumes, capabilities strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&volumes, `{"source": "/a", "target": "/v/%d/w"}, `, i)
		fmt.Fprintf(&capabilities, `"CAP_%d", `, i)
	}
	walls := `{"isolation": {"volumes": [` + volumes.String() + `{"source": "/", "target": "/v/0"}], "hidden": ["/v"], "capabilities": [` + capabilities.String() + `"CAP_KILL"]}, "processes": [{"name": "a", "cmdline": "x"}]}`
	for _, c := range []struct {
		name, text string
		errors     int
	}{
		{"walls", walls, 10_002},
		{"a task", strings.Replace(yaml, loop, "", 1), 0},
		{"a task.json", strings.Replace(json, `{"process": "process 0", "when": "started"}`, "", 1), 0},
		{"a cycle of all", strings.Replace(few, loop, "{process: last}", 1), 1},
		{"unknown names", strings.ReplaceAll(few, `{process: "process `, `{process: "stranger `), 300},
		{"unknown fields", strings.ReplaceAll(strings.Replace(few, loop, "", 1), "env:", "evn:"), 300},
		{"a command too long", command, 1},
		{"many braces", "processes:\n  - name: a\n    cmdline: '" + strings.Repeat("{{", 30_000) + strings.Repeat(" {{&x}}", 3_000) + "'\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			found := 0
			f, err := Parse(c.name, []byte(c.text))
			if err == nil {
				_, err = f.Check(task.Bindings{})
			}
			if errs := (Errors)(nil); errors.As(err, &errs) {
				found = len(errs)
			}
			if took := time.Since(begin); took > 12*time.Second {
				t.Errorf("%s took %v", c.name, took)
			}
			if found != c.errors {
				t.Errorf("%d errors, want %d: %.300v", found, c.errors, err)
			}
		})
	}
}
