package task

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	b := Bindings{
		"name": "web", "profile.x": "7", "thermos.ports[http]": "8080", "size[s]": "tiny",
		"url": "localhost:{{thermos.ports[http]}}/{{name}}", "empty": "", "quoted": "{{&name}}",
	}
	for text, want := range map[string]string{
		"":                               "",
		"plain":                          "plain",
		"{{name}}":                       "web",
		"a {{name}}-{{profile.x}} b":     "a web-7 b",
		"--port {{thermos.ports[http]}}": "--port 8080",
		"{{ name }}":                     "web",
		"{{size[s]}}":                    "tiny",
		"{{empty}}":                      "",
		"{{url}}":                        "localhost:8080/web",
		"{{&name}}":                      "{{name}}",
		"{{& any thing }}":               "{{ any thing }}",
		"{{&&name}}":                     "{{&name}}",
		"{{quoted}}":                     "{{name}}",
		"${#x} ${x} {a,{b,c}} { { } }":   "${#x} ${x} {a,{b,c}} { { } }",
		"{{a,b},c}":                      "{{a,b},c}",
		"{{{name}}}":                     "{web}",
		"${{name}}":                      "$web",
		"{{":                             "{{",
		"}} {{ {":                        "}} {{ {",
		"{{name}":                        "{{name}",
	} {
		if got, unbound := b.Expand(text); got != want || unbound != nil {
			t.Errorf("Expand(%q) = %q, %v; want %q", text, got, unbound, want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	b := Bindings{"profile.x": "7", "a": "{{b}}", "b": "{{a}}"}
	for text, want := range map[string]string{
		"{{profil.x}}":                `{{profil.x}} has no value; did you mean "profile.x"?`,
		"{{zzz}}":                     `{{zzz}} has no value; give it one with --bind zzz=VALUE, or write {{&zzz}} for the text itself`,
		"{{.Names}}":                  `{{.Names}} is not a template: write {{name}} for the value of a variable, or {{&.Names}} for the text itself`,
		"{{print $1}}":                `{{print $1}} is not a template`,
		"{{}}":                        `{{}} is not a template`,
		"{{1x}}":                      `is not a template`,
		"{{a.}}":                      `is not a template`,
		"{{a[]}}":                     `is not a template`,
		"{{a]}}":                      `is not a template`,
		"{{thermos.ports[http]}}":     `{{thermos.ports[http]}} has no value yet: it is bound when the task is launched`,
		"{{thermos.task_id}}":         `has no value yet`,
		"{{mesos.instance}}":          `has no value yet`,
		"{{thermos.port[http]}}":      `there is no variable {{thermos.port[http]}}; did you mean "thermos.ports[http]"?`,
		"{{mesos.hostnam}}":           `did you mean "mesos.hostname"?`,
		"{{thermos.ports[http]}":      `{{thermos.… is not closed`,
		"{{thermos.task_id":           `{{thermos.… is not closed`,
		"{{mesos.instance} {{&x}}":    `{{mesos.… is not closed`,
		"{{a}}":                       `{{a}} is bound to itself: a → b → a`,
		"x{{thermos.ports[{{b.c}}]}}": `{{thermos.… is not closed`,
	} {
		got, unbound := b.Expand(text)
		if len(unbound) == 0 || !strings.Contains(unbound[0].Reason, want) {
			t.Errorf("Expand(%q) = %q, %v; want a refusal: %s", text, got, unbound, want)
		}
	}
	_, unbound := b.Expand("{{x}} {{a}} {{.y}} {{z}}")
	if len(unbound) != 4 || unbound[0].Offset != 0 || unbound[1].Offset != 6 || unbound[2].Offset != 12 || unbound[3].Offset != 19 {
		t.Errorf("not every template is reported where it is: %v", unbound)
	}
}

func TestEscapedTextExpandsToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("{{{}}}&a.[] \n"))).Draw(t, "text")
		if got, unbound := (Bindings{}).Expand(Escape(text)); got != text || unbound != nil {
			t.Errorf("%q escaped is %q, which expands to %q, %v", text, Escape(text), got, unbound)
		}
	})
}

func TestVariables(t *testing.T) {
	for _, name := range []string{"x", "profile.x", "a_b", "a-b", "a[b].c", "a[1.2]"} {
		if err := CheckBinding(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "1", ".", "a.", "a b", "{{a}}", "a[", "a[]", "a]", "thermos.x", "mesos.instance", "thermos", "mesos", "thermos.ports[x]"} {
		if CheckBinding(name) == nil {
			t.Errorf("%q may be bound", name)
		}
	}
	if PortOf(PortVariable("http")) != "http" || PortOf("mesos.instance") != "" {
		t.Error("ports and their variables do not match")
	}
}
