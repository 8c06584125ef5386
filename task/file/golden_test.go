package file

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/task"
)

var rewrite = flag.Bool("rewrite", false, "write what the code says into testdata/*.want")

// TestGolden holds what is said about each file of testdata against its .want.
// A first line "# bind: a=b c=d" gives bindings; "# launch" wants all bound.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".want") {
			continue
		}
		checked++
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := said(filepath.Base(name), data)
			if *rewrite {
				if err := os.WriteFile(name+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name + ".want")
			if err != nil {
				t.Fatalf("%v; run the test with -rewrite and review the result", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("what is said has changed (-want +got):\n%s", diff)
			}
		})
	}
	if checked < 20 {
		t.Errorf("testdata has only %d files", checked)
	}
}

// said is everything that can be known of a file, as text.
func said(name string, data []byte) string {
	f, err := Parse(name, data)
	if err != nil {
		return err.Error() + "\n"
	}
	first, _, _ := strings.Cut(string(data), "\n")
	bindings := task.Bindings{}
	if list, ok := strings.CutPrefix(first, "# bind: "); ok {
		for word := range strings.FieldsSeq(list) {
			variable, value, _ := strings.Cut(word, "=")
			bindings[variable] = value
		}
	}
	read := f.Check
	if strings.HasPrefix(first, "# launch") {
		read = f.Bind
	}
	c, err := read(bindings)
	if errs := (Errors)(nil); errors.As(err, &errs) {
		return errs.Error() + "\n"
	} else if err != nil {
		return "not of type Errors: " + err.Error()
	}
	var out strings.Builder
	for _, w := range c.Warnings {
		fmt.Fprintf(&out, "warning: %v\n", w)
	}
	for _, e := range c.Entries {
		data, err := (task.Launch{ID: "x", Task: e.Task}).Encode()
		fmt.Fprintf(&out, "task %s, ports %v, %v\n%s", e.Name(), e.Ports, err, data)
		if e.Job != nil {
			fmt.Fprintf(&out, "job %s, %d instances\n", e.Job.Key(), e.Job.Instances)
		}
	}
	return out.String()
}
