package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/task/file"
)

// verdict is what `dewar validate --json` prints, one line for each file.
type verdict struct {
	File     string  `json:"file"`
	OK       bool    `json:"ok"`
	Tasks    int     `json:"tasks"`
	Errors   []fault `json:"errors"`
	Warnings []fault `json:"warnings"`
}

type fault struct {
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Sentence string `json:"sentence"`
}

func (a *app) validateCommand() *cobra.Command {
	var asJSON bool
	var bind []string
	c := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Say everything that is wrong with files of tasks",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error {
			bindings, err := parseBindings(bind)
			if err != nil {
				return misuse(err)
			}
			code := exitSuccess
			for _, path := range paths {
				v := validate(path, bindings)
				if !v.OK {
					code = exitMisuse
				}
				if err := a.verdict(v, asJSON); err != nil {
					return err
				}
			}
			return silent(code)
		},
	}
	c.Flags().StringArrayVar(&bind, "bind", nil, "value of a template variable, as profile.size=3")
	jsonFlag(c, &asJSON)
	return c
}

func validate(path string, bindings map[string]string) verdict {
	v := verdict{File: path, Errors: []fault{}, Warnings: []fault{}}
	text, err := os.ReadFile(path)
	var f *file.File
	if err == nil {
		f, err = file.Parse(path, text)
	}
	var c *file.Contents
	if err == nil {
		c, err = f.Check(bindings)
	}
	if err != nil {
		v.Errors = faults(err)
		return v
	}
	v.OK, v.Tasks = true, len(c.Entries)
	for _, w := range c.Warnings {
		v.Warnings = append(v.Warnings, fault{w.Line, w.Col, w.Sentence})
	}
	return v
}

func faults(err error) []fault {
	found, ok := errors.AsType[file.Errors](err)
	if !ok {
		return []fault{{Sentence: err.Error()}}
	}
	var out []fault
	for _, e := range found {
		out = append(out, fault{e.Line, e.Col, e.Sentence})
	}
	return out
}

// verdict says what there is to say of one file: errors and warnings on
// stderr, that all is well on stdout.
func (a *app) verdict(v verdict, asJSON bool) error {
	if asJSON {
		return a.json(v)
	}
	for _, f := range v.Errors {
		a.fault(v.File, "", f)
	}
	for _, f := range v.Warnings {
		a.fault(v.File, "warning: ", f)
	}
	if !v.OK {
		return nil
	}
	if v.Tasks == 1 {
		return a.print("%s: ok\n", v.File)
	}
	return a.print("%s: ok, %d tasks\n", v.File, v.Tasks)
}

func (a *app) fault(path, kind string, f fault) {
	if f.Line == 0 {
		a.note("%s: %s%s", path, kind, f.Sentence)
		return
	}
	a.note("%s:%d:%d: %s%s", path, f.Line, f.Column, kind, f.Sentence)
}
