package task

import (
	"maps"
	"slices"
	"strings"
)

// tokenLetters are those of HTTP's methods and names of fields (RFC 9110).
const tokenLetters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// ours are the fields of a request that Dewar writes itself.
var ours = []string{"Connection", "Content-Length", "Transfer-Encoding"}

// http checks a request.
func (v *validation) http(at Path, h *HTTPCheck) {
	v.target(at, h.Host, h.Port, h.Socket)
	v.endpoint(at.With("endpoint"), h.Endpoint)
	if method := standIn(h.Method, "x"); method == "" || strings.Trim(method, tokenLetters) != "" {
		v.add(at.With("method"), "method is %s: write a word such as GET", Quote(h.Method))
	}
	if h.Method == "HEAD" && strings.TrimSpace(h.Expect) != "" {
		v.add(at.With("expected_response"), "the answer to HEAD has no body, and %s is expected in it: write expected_response: \"\"", Quote(h.Expect))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		at := at.With("headers", name)
		switch {
		case name == "" || strings.Trim(name, tokenLetters) != "":
			v.add(at, "the header field %s has a character that its name cannot have", Quote(name))
		case slices.ContainsFunc(ours, func(o string) bool { return strings.EqualFold(o, name) }):
			v.add(at, "the header field %s is written by Dewar: take it away", name)
		case strings.ContainsAny(h.Headers[name], "\r\n\x00"):
			v.add(at, "the header field %s has a value of more than one line: write it in one", name)
		}
	}
	if h.Code != 0 && (h.Code < 200 || h.Code > 599) {
		v.add(at.With("expected_response_code"), "expected_response_code is %d: a final answer has 200 to 599, and 0 means any below 400", h.Code)
	}
	v.tls(at.With("tls"), h.TLS)
}

func (v *validation) endpoint(at Path, endpoint string) {
	text := standIn(endpoint, "x")
	switch {
	case !strings.HasPrefix(text, "/") && text != endpoint && strings.HasPrefix(endpoint, "{{"): // a value may begin with /
	case !strings.HasPrefix(text, "/"):
		v.add(at, "%s is %s: begin it with /", last(at), Quote(endpoint))
		return
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		v.add(at, "%s is %s: a space is written %%20 there, and other characters that cannot be seen likewise", last(at), Quote(endpoint))
	}
}

// target checks where a question goes.
func (v *validation) target(at Path, host string, port Port, socket string) {
	switch {
	case socket != "" && port != "":
		v.add(at.With("port"), "socket is in place of the port: keep one of them")
	case socket != "" && host != "":
		v.add(at.With("host"), "socket is in place of the host: keep one of them")
	case strings.Contains(socket, "\x00"):
		v.add(at.With("socket"), "socket contains a NUL character")
	case socket == "":
		v.port(at.With("port"), port)
	}
	if strings.ContainsAny(standIn(host, "x"), "/[]@ \t\r\n\x00") {
		v.add(at.With("host"), "host is %s: write a name, or an address such as 127.0.0.1 or ::1", Quote(host))
	}
}

func (v *validation) port(at Path, p Port) {
	text := standIn(string(p), "1")
	switch {
	case text != string(p) && Port(text).isNumber(): // bound by the launch
	case p.isNumber():
		if p.Number(nil) == 0 {
			v.add(at, "port is %s: it is 1 to 65535", p)
		}
	case !p.isName():
		v.add(at, "port is %s: write a number, or the name of a port, which begins with a letter", Quote(string(p)))
	}
}

func (v *validation) tls(at Path, t *TLS) {
	if t == nil {
		return
	}
	if t.CA != "" {
		v.addErr(at.With("ca"), checkPath(t.CA), "ca %s", Quote(t.CA))
	}
	if t.CA != "" && t.SkipVerify {
		v.add(at.With("skip_verify"), "with skip_verify nothing has to be proven, and ca says by whom: keep one of them")
	}
}
