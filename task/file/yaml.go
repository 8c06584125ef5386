package file

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fromYAML reads one document. A syntax error is found alone: the library
// stops there.
func fromYAML(text string) (*node, Errors) {
	tokens := lexer.Tokenize(text)
	if errs := refuse(tokens); errs != nil {
		return nil, errs
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Errors{syntaxError(text, err)}
	}
	r := &yamlReader{anchors: make(map[string]*node)}
	var top *node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil:
		case top != nil:
			r.fail(place(doc.Body.GetToken()), "a file holds one document: write several tasks as a list, tasks: [...]")
		default:
			top = r.node(doc.Body, position{1, 1})
		}
	}
	return top, r.errs
}

func syntaxError(text string, err error) Error {
	e := Error{Line: 1, Col: 1, Sentence: "this is not YAML: " + err.Error()}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		at := place(syntax.Token)
		e.Line, e.Col, e.Sentence = at.line, at.col, "this is not YAML: "+syntax.Message
	}
	if lines := strings.Split(text, "\n"); e.Line <= len(lines) && strings.Contains(lines[e.Line-1], "{{") {
		e.Sentence += "; a value that begins with {{ must be in quotes"
	}
	return e
}

func place(tk *token.Token) position {
	if tk == nil || tk.Position == nil {
		return position{1, 1}
	}
	return position{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// yamlReader turns the library's tree into ours. An anchor is known from its
// end on, so that nothing contains itself.
type yamlReader struct {
	anchors map[string]*node
	errs    Errors
}

func (r *yamlReader) fail(at position, format string, args ...any) {
	r.errs = append(r.errs, Error{Line: at.line, Col: at.col, Sentence: fmt.Sprintf(format, args...)})
}

// node reads a value; at is where it stands if it has no place of its own.
func (r *yamlReader) node(from ast.Node, at position) *node {
	switch from := from.(type) {
	case *ast.MappingNode:
		return r.object(from, from.Values)
	case *ast.MappingValueNode:
		return r.object(from, []*ast.MappingValueNode{from})
	case *ast.SequenceNode:
		n := &node{kind: list, at: place(from.Start)}
		for _, v := range from.Values {
			n.items = append(n.items, r.node(v, place(v.GetToken())))
		}
		return n
	case *ast.LiteralNode:
		return &node{kind: scalar, at: place(from.Start), text: from.Value.Value, block: from.Start.Type == token.LiteralType}
	case *ast.StringNode:
		return &node{kind: scalar, at: place(from.Token), text: from.Value}
	case *ast.NullNode:
		if from.Token.Type != token.ImplicitNullType {
			at = place(from.Token)
		}
		return &node{kind: null, at: at}
	case *ast.AnchorNode:
		n := r.node(from.Value, at)
		r.anchors[from.Name.GetToken().Value] = n
		return n
	case *ast.AliasNode:
		return r.alias(from)
	case ast.ScalarNode: // numbers, booleans: the text as it is written
		return &node{kind: scalar, at: place(from.GetToken()), text: from.GetToken().Value}
	}
	r.fail(at, "this kind of YAML (%s) has no use here", from.Type())
	return &node{kind: null, at: at}
}

func (r *yamlReader) alias(from *ast.AliasNode) *node {
	name := from.Value.GetToken().Value
	if n, ok := r.anchors[name]; ok {
		return n
	}
	r.fail(place(from.Start), "*%s is used, but nothing before it is marked &%s", name, name)
	return &node{kind: null, at: place(from.Start)}
}

// object reads a map. What is merged into it by << yields to what is written
// in it, and an earlier merge to none that comes later.
func (r *yamlReader) object(from ast.Node, values []*ast.MappingValueNode) *node {
	n := &node{kind: object, at: place(from.GetToken())}
	known := make(map[string]position, len(values))
	var merged []*node
	for i, v := range values {
		m := member{at: place(v.Key.GetToken())}
		if i == 0 && n.at.line >= m.at.line && from.GetToken().Type != token.MappingStartType {
			n.at = m.at
		}
		m.value = r.node(v.Value, m.at)
		if v.Key.IsMergeKey() {
			merged = append(merged, r.merge(m)...)
			continue
		}
		key := r.node(v.Key, m.at)
		if m.key = key.text; key.kind != scalar {
			r.fail(m.at, "the name of a field is missing here")
			continue
		}
		if first, twice := known[m.key]; twice {
			r.errs = append(r.errs, twiceError(m, first))
			continue
		}
		known[m.key] = m.at
		n.fields = append(n.fields, m)
	}
	for _, other := range merged {
		for _, m := range other.fields {
			if _, ok := known[m.key]; !ok {
				known[m.key] = m.at
				n.fields = append(n.fields, m)
			}
		}
	}
	return n
}

func (r *yamlReader) merge(m member) []*node {
	from := []*node{m.value}
	if m.value.kind == list {
		from = m.value.items
	}
	for _, n := range from {
		if n.kind != object {
			r.fail(m.at, "<< merges maps, and this is %s", n.kind)
			return nil
		}
	}
	return from
}
