package file

import (
	"maps"
	"os"
	"regexp"
	"slices"
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

// The examples of checks, and of what http and other kinds of them have, can be
// written as they stand there.
func TestDocumentedChecks(t *testing.T) {
	text, err := os.ReadFile("../../docs/writing-tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, found := strings.Cut(string(text), "\n## Health checks\n")
	chapter, _, end := strings.Cut(chapter, "\n## ")
	fields, requests, http := strings.Cut(chapter, "\n| field of `http` |")
	if !found || !end || !http {
		t.Fatal("the chapter on health checks is not where it was")
	}
	checked := map[string]bool{}
	for _, example := range examples(fields) {
		how := ", shell: x"
		if field, _, _ := strings.Cut(example, ":"); slices.Contains([]string{"http", "tcp", "shell", "argv", "grpc", "file", "notify"}, field) {
			how = ""
		}
		mustCheck(t, "{"+example+how+"}")
		checked[example] = true
	}
	for _, example := range examples(requests) {
		mustCheck(t, "{http: {"+example+"}}")
		checked[example] = true
	}
	for _, s := range []map[string]any{definition(t, "check"), definition(t, "http-check")} {
		for field := range s {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(checked)), func(e string) bool { return strings.HasPrefix(e, field+": ") }) {
				t.Errorf("the chapter on health checks has no example of %s", field)
			}
		}
	}
}

// examples are the small ones in the tables of a chapter.
func examples(chapter string) []string {
	var found []string
	for _, row := range regexp.MustCompile("(?m)^\\| `[a-z_]+` \\|.*$").FindAllString(chapter, -1) {
		for _, e := range regexp.MustCompile("[|,] `([a-z_]+: [^`]+)`[,| ]").FindAllStringSubmatch(strings.ReplaceAll(row, "`, `", "`,, `"), -1) {
			found = append(found, e[1])
		}
	}
	return found
}

func mustCheck(t *testing.T, check string) {
	text := "processes: [{name: a, cmdline: 'x {{thermos.ports[http]}} {{thermos.ports[health]}}', check: " + check + "}]"
	f, err := Parse("x", []byte(text))
	if err == nil {
		_, err = f.Check(nil)
	}
	if err != nil {
		t.Errorf("%v in %s", err, text)
	}
}

// definition are the properties that the schema has of something.
func definition(t *testing.T, title string) map[string]any {
	return schemaOf(t)["$defs"].(map[string]any)[title].(map[string]any)["properties"].(map[string]any)
}
