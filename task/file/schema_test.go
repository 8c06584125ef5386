package file

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func schemaOf(t interface{ Fatal(...any) }) map[string]any {
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// valid is as much of JSON Schema as Schema uses; anything else panics.
func valid(root, s map[string]any, value any) bool {
	for key, rule := range s {
		if !obeys(root, s, key, rule, value) {
			return false
		}
	}
	return true
}

func obeys(root, s map[string]any, key string, rule, value any) bool {
	switch key {
	case "$schema", "title", "description", "$defs", "default":
		return true
	case "$ref":
		def := strings.TrimPrefix(rule.(string), "#/$defs/")
		return valid(root, root["$defs"].(map[string]any)[def].(map[string]any), value)
	case "anyOf":
		return slices.ContainsFunc(rule.([]any), func(s any) bool { return valid(root, s.(map[string]any), value) })
	case "enum":
		return slices.Contains(rule.([]any), value)
	case "type":
		if list, ok := rule.([]any); ok {
			return slices.ContainsFunc(list, func(t any) bool { return isType(t.(string), value) })
		}
		return isType(rule.(string), value)
	}
	switch value := value.(type) {
	case float64:
		switch key {
		case "minimum":
			return value >= rule.(float64)
		case "maximum":
			return value <= rule.(float64)
		case "exclusiveMinimum":
			return value > rule.(float64)
		}
	case string:
		if key == "pattern" {
			return regexp.MustCompile(rule.(string)).MatchString(value)
		}
	case []any:
		if key == "items" {
			return !slices.ContainsFunc(value, func(v any) bool { return !valid(root, rule.(map[string]any), v) })
		}
	case map[string]any:
		return obeysAsObject(root, s, key, rule, value)
	}
	if !slices.Contains([]string{"minimum", "maximum", "exclusiveMinimum", "pattern", "items", "properties", "additionalProperties", "required", "minProperties", "maxProperties"}, key) {
		panic("the test does not know the keyword " + key)
	}
	return true
}

func obeysAsObject(root, s map[string]any, key string, rule any, value map[string]any) bool {
	properties, _ := s["properties"].(map[string]any)
	for name, v := range value {
		of, known := properties[name].(map[string]any)
		switch other, any := rule.(map[string]any); {
		case key == "properties" && known && !valid(root, of, v):
			return false
		case key == "additionalProperties" && !known && (!any || !valid(root, other, v)):
			return false
		}
	}
	switch key {
	case "required":
		return !slices.ContainsFunc(rule.([]any), func(name any) bool { _, ok := value[name.(string)]; return !ok })
	case "minProperties":
		return len(value) >= int(rule.(float64))
	case "maxProperties":
		return len(value) <= int(rule.(float64))
	}
	return true
}

func isType(name string, value any) bool {
	switch value := value.(type) {
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// generic is a tree of ours as JSON would have it.
func generic(n *node) any {
	switch n.kind {
	case object:
		m := map[string]any{}
		for _, f := range n.fields {
			m[f.key] = generic(f.value)
		}
		return m
	case list:
		l := []any{}
		for _, item := range n.items {
			l = append(l, generic(item))
		}
		return l
	case null:
		return nil
	}
	var v any
	if json.Unmarshal([]byte(n.text), &v) == nil {
		if _, isText := v.(string); !isText && v != nil {
			return v
		}
	}
	return n.text
}

// The schema takes every file that the decoder takes, here and in examples/.
func TestSchemaTakesFiles(t *testing.T) {
	root := schemaOf(t)
	taken := 0
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*.json", "../../examples/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			said := said(filepath.Base(name), data)
			f, err := Parse(name, data)
			if err != nil {
				continue
			}
			accepted := strings.Contains(said, "\ntask ") || strings.HasPrefix(said, "task ")
			if strings.Contains(pattern, "examples") && !accepted {
				t.Errorf("%s: %s", name, said)
			}
			if accepted {
				taken++
				if !valid(root, root, generic(f.top)) {
					t.Errorf("the schema refuses %s", name)
				}
			}
		}
	}
	if taken < 10 {
		t.Errorf("only %d files were taken", taken)
	}
}

// scalars of all sorts, most of them wrong in most places. Those that a
// pattern cannot tell (a time too long, an unknown signal) are not among them.
var scalars = []string{`1`, `0`, `-1`, `1.5`, `2.0`, `1e2`, `true`, `false`, `null`, `"x"`, `""`, `"3"`, `"true"`, `"5m"`,
	`"128MB"`, `"1.5s"`, `"TERM"`, `"a b"`, `"{{x}}"`, `"{{thermos.task_id}}"`, `"main"`, `"ready"`, `"file"`, `"rotate"`, `[]`, `{}`,
	`"unlimited"`, `"0-3,7"`, `"027"`, `"private"`, `"none"`, `"/a"`, `"GET"`, `"liveness"`, `8080`, `"CAP_KILL"`, `{"soft": 1, "hard": 2}`, `{"soft": "1KB", "hard": "unlimited"}`}

// mutant is a document that is nearly right.
func mutant(t *rapid.T, root, s map[string]any) string {
	if rapid.IntRange(0, 60).Draw(t, "wrong") == 60 {
		return rapid.SampledFrom(scalars).Draw(t, "scalar")
	}
	if ref, ok := s["$ref"].(string); ok {
		return mutant(t, root, root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any))
	}
	switch s["type"] {
	case "array":
		var items []string
		for range rapid.IntRange(0, 2).Draw(t, "items") {
			items = append(items, mutant(t, root, s["items"].(map[string]any)))
		}
		return "[" + strings.Join(items, ",") + "]"
	case "object":
		return mutantObject(t, root, s)
	}
	fitting := slices.DeleteFunc(slices.Clone(scalars), func(text string) bool {
		var value any
		return json.Unmarshal([]byte(text), &value) == nil && !valid(root, s, value)
	})
	return rapid.SampledFrom(fitting).Draw(t, "fitting")
}

func mutantObject(t *rapid.T, root, s map[string]any) string {
	properties, _ := s["properties"].(map[string]any)
	var names, fields []string
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	names = append(names, "unknown")
	required, _ := s["required"].([]any)
	for _, name := range names {
		of, _ := properties[name].(map[string]any)
		odds := 5
		switch {
		case slices.Contains(required, any(name)), name == "cmdline":
			odds = 1
		case name == "unknown", name == "argv", name == "after", name == "constraints", name == "health_check_config", name == "lifecycle", name == "pre_stop", strings.HasPrefix(name, "check"):
			odds = 30 // mostly refused
		}
		if of == nil {
			of = map[string]any{}
		}
		if rapid.IntRange(1, odds).Draw(t, name) == odds {
			fields = append(fields, fmt.Sprintf("%q: %s", name, mutant(t, root, of)))
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// What the decoder takes the schema takes, and what the schema refuses the
// decoder refuses; what the schema takes the decoder finds well-formed.
func TestSchemaAndDecoderAgree(t *testing.T) {
	root := schemaOf(t)
	both, neither := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			form := rapid.SampledFrom(root["anyOf"].([]any)).Draw(t, "form").(map[string]any)
			taken, refused := agree(t, root, mutant(t, root, form))
			both, neither = both+taken, neither+refused
		}
	})
	if both < 5 || neither < 25 { // some 30 and 700 of a thousand
		t.Errorf("of the documents %d were taken by both and %d by neither: too few to say anything", both, neither)
	}
}

// agree holds the schema against the decoder on one document, and says whether
// both take it, or both refuse it.
func agree(t *rapid.T, root map[string]any, text string) (both, neither int) {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	f, err := Parse("x.json", []byte(text))
	if err != nil {
		return 0, 0 // a null
	}
	takes := valid(root, root, value)
	_, err = f.Check(map[string]string{"x": "1"})
	d := &decoder{bindings: map[string]string{"x": "1"}, late: true, failed: map[string]bool{}, pending: map[int]map[string]bool{}}
	d.entries(f.top)
	d.errs = slices.DeleteFunc(d.errs, func(e Error) bool { return beyondSchema.MatchString(e.Sentence) })
	switch {
	case err == nil && !takes:
		t.Errorf("the decoder takes, the schema refuses\n%s", text)
	case takes && len(d.errs) > 0:
		t.Errorf("the schema takes, the decoder says %v\n%s", d.errs, text)
	case err == nil:
		return 1, 0
	case !takes:
		return 0, 1
	}
	return 0, 0
}

// beyondSchema are the decoder's errors that no schema can express: a bound
// value that does not fit, and entries of the same name.
var beyondSchema = regexp.MustCompile(`^[a-z_\[\]0-9]+: |is there twice|is another way to write|which is the same in other words|has a lifecycle, too|list of (tasks|jobs) is empty`)
