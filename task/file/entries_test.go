package file

import (
	"strings"
	"testing"
)

func contents(t *testing.T, text string) *Contents {
	t.Helper()
	f, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Check(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPick(t *testing.T) {
	const body = "processes: [{name: p, cmdline: x}]"
	one := contents(t, body)
	two := contents(t, "tasks: [{name: a, "+body+"}, {name: b, "+body+"}]")
	jobs := contents(t, `jobs:
  - {name: web, role: www, cluster: c, environment: prod, task: {`+body+`}}
  - {name: web, role: www, cluster: c, environment: devel, task: {`+body+`}}
  - {role: www, cluster: c, environment: devel, task: {name: other, `+body+`}}`)
	for _, c := range []struct {
		of         *Contents
		name, want string // the picked task's place, or what is said
	}{
		{one, "", "0"}, {one, "p", "0"}, {one, "q", `no task named "q"; it has p`},
		{two, "", "the file has 2 tasks: say which with --task NAME (a, b)"},
		{two, "a", "0"}, {two, "b", "1"}, {two, "c", `no task named "c"; it has a, b`},
		{jobs, "web", `2 jobs named "web": say which with --task KEY (c/www/prod/web, c/www/devel/web)`},
		{jobs, "c/www/devel/web", "1"}, {jobs, "other", "2"}, {jobs, "p", "no task named"},
	} {
		picked, err := c.of.Pick(c.name)
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("Pick(%q): %v; want %s", c.name, err, c.want)
		case err == nil && (len(c.want) != 1 || picked != &c.of.Entries[c.want[0]-'0']):
			t.Errorf("Pick(%q) = %v; want %s", c.name, picked, c.want)
		}
	}
}

// What is said of a place names it, in every way of writing a value.
func TestPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"nmae: x":                                "1:1",
		"processes:\n  - name: a\n    cmdlin: x": "3:5",
		"{\"processes\": [\n\t{\"nmae\": 1}]}":   "2:3",
		"max_failures: >-\n  x":                  "1:15",
		"é: 1":                                   "1:1",
		"user: é\nmax_failures: é":               "2:15",
		"task: &t\n  user: u\n  oh: no":          "3:3",
		"name: |\n  one\n  two {{no}}":           "3:7",
		"name: \"é {{a.b}} {{no}}\"":             "1:10",
		"name: 'x\n  {{no}}'":                    "1:7",
		"name: >\n  folded\n  {{no}}":            "1:7",
		"user: '{{no}} {{no}}'":                  "1:8",
	} {
		f, err := Parse("x", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if _, err = f.Check(nil); err == nil || !strings.Contains("\n"+err.Error(), "\nx:"+want+":") {
			t.Errorf("%q: %v; want something at %s", text, err, want)
		}
	}
}
