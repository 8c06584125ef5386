package file

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The examples of the documentation can be run, those that leave the processes
// out with some.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/writing-tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) < 4 {
		t.Errorf("only %d examples were found", len(examples))
	}
	for _, example := range examples {
		task := string(example[1])
		if !strings.Contains(task, "processes:") {
			task += "processes: [{name: a, cmdline: x}]\n"
		}
		f, err := Parse("writing-tasks.md", []byte(task))
		if err != nil {
			t.Errorf("%v in\n%s", err, task)
			continue
		}
		if c, err := f.Check(nil); err != nil || len(c.Warnings) > 0 {
			t.Errorf("%v in\n%s", err, task)
		}
	}
}

// Every small example of a table, such as `cpu: 0.5`, is one too.
func TestDocumentedFields(t *testing.T) {
	text, err := os.ReadFile("../../docs/writing-tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, limits, found := strings.Cut(string(text), "\n## Limits\n")
	limits, walls, _ := strings.Cut(limits, "\n## Walls\n")
	walls, _, end := strings.Cut(walls, "\n## ")
	if !found || !end {
		t.Fatal("the chapters on limits and walls are not where they were")
	}
	checked := 0
	for chapter, text := range map[string]string{"resources": limits, "isolation": walls} {
		for _, row := range regexp.MustCompile("(?m)^\\| `[a-z_]+` \\|.*$").FindAllString(text, -1) {
			for _, example := range regexp.MustCompile("`([a-z_]+: [^`]+)`[,| ]").FindAllStringSubmatch(row, -1) {
				checked++
				one := chapter + ": {" + example[1] + ", cpu: 1, ram: 1GB, uts: private}\nprocesses: [{name: a, cmdline: x}]"
				one = withoutOther(one, chapter)
				if f, err := Parse("x", []byte(one)); err != nil {
					t.Errorf("%v in %s", err, one)
				} else if _, err := f.Check(nil); err != nil {
					t.Errorf("%v in %s", err, one)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d examples were found", checked)
	}
}

// withoutOther takes out what only the other chapter has, and what the example
// says itself.
func withoutOther(text, chapter string) string {
	for _, extra := range []string{"cpu: 1", "ram: 1GB", "uts: private"} {
		field, _, _ := strings.Cut(extra, ":")
		if (chapter == "isolation") != (field == "uts") || strings.Contains(text, "{"+field+":") {
			text = strings.Replace(text, ", "+extra, "", 1)
		}
	}
	return text
}
