package file

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// maxDepth is how deep values may be nested. A task needs a tenth of it; the
// bound keeps the recursion of parsers off the end of the stack.
const maxDepth = 100

func tooDeep(at position) Error {
	return Error{Line: at.line, Col: at.col, Sentence: fmt.Sprintf("this is nested more than %d deep: nothing in a task is", maxDepth)}
}

func twiceError(m member, first position) Error {
	return Error{Line: m.at.line, Col: m.at.col, Sentence: fmt.Sprintf("%q is there twice, first in line %d: remove one", m.key, first.line)}
}

// refuse finds what we do not take of YAML before the parser sees it.
func refuse(tokens token.Tokens) Errors {
	var errs Errors
	var nesting nesting
	for _, tk := range tokens {
		sentence := ""
		switch tk.Type {
		case token.TagType:
			sentence = "YAML tags such as " + tk.Value + " are not used here: leave it out, or put the text into quotes"
		case token.DirectiveType:
			sentence = "YAML directives (%) are not used here: put the text into quotes, or leave the line out"
		case token.MappingKeyType:
			sentence = "YAML keys marked by ? are not used here: write key: value"
		}
		at := place(tk)
		if sentence != "" {
			errs = append(errs, Error{Line: at.line, Col: at.col, Sentence: sentence})
		}
		if nesting.deeper(tk) > maxDepth {
			return append(errs, tooDeep(at))
		}
	}
	return errs
}

// nesting counts brackets, and columns of block maps and lists.
type nesting struct {
	brackets int
	columns  []int
}

func (n *nesting) deeper(tk *token.Token) int {
	column := 0
	switch tk.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.brackets++
	case token.SequenceEndType, token.MappingEndType:
		n.brackets--
	case token.SequenceEntryType:
		column = place(tk).col
	case token.MappingValueType:
		column = place(tk.Prev).col
	}
	if column > 0 && n.brackets <= 0 {
		for len(n.columns) > 0 && n.columns[len(n.columns)-1] >= column {
			n.columns = n.columns[:len(n.columns)-1]
		}
		n.columns = append(n.columns, column)
	}
	return max(0, n.brackets) + len(n.columns)
}
