package launch

import (
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	const text = "name: t\nprocesses: [{name: p, cmdline: 'echo {{thermos.ports[http]}} {{x.y}}'}]"
	order := Order{File: parse(t, text), Bindings: map[string]string{"x.y": "1"}}
	l, _, err := Prepare(order, start)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		order Order
		want  string // of the difference; none if empty
	}{
		{"the same", order, ""},
		{"what is not said is as it was", Order{File: parse(t, text)}, ""},
		{"another binding", Order{File: parse(t, text), Bindings: map[string]string{"x.y": "2"}}, "processes[p].cmdline"},
		{"another port", Order{File: parse(t, text), Ports: map[string]int{"http": 1}}, "processes[p].cmdline"},
		{"another file", Order{File: parse(t, strings.Replace(text, "echo", "print", 1))}, "processes[p].cmdline"},
		{"the same user", Order{File: parse(t, text), User: l.User}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			diff, err := Compare(test.order, l)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(diff, "\n"); (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("it differs by %q, want %q", got, test.want)
			}
		})
	}
	if _, err := Compare(Order{File: parse(t, text), User: "nobody-knows-me"}, l); err == nil {
		t.Error("an unknown user is no difference and no error")
	}
}
