package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dewarhq/dewar/launch"
	"github.com/dewarhq/dewar/task"
)

// span is a flag that holds a length of time, as a task file has it ("90",
// "1h30m") or in days ("14d").
type span time.Duration

func (s *span) Type() string   { return "duration" }
func (s *span) String() string { return task.Duration(*s).String() }

func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n < 36500) {
			return fmt.Errorf("%s is not a number of days", task.Quote(text))
		}
		*s = span(n * float64(24*time.Hour))
		return nil
	}
	d, err := task.ParseDuration(text)
	if err != nil {
		return err
	}
	if d < 0 {
		return fmt.Errorf("%s is less than nothing", task.Quote(text))
	}
	*s = span(d)
	return nil
}

// quantity is a flag that holds a size, as a task file has it ("128MB").
type quantity task.Size

func (q *quantity) Type() string   { return "size" }
func (q *quantity) String() string { return task.Size(*q).String() }

func (q *quantity) Set(text string) error {
	n, err := task.ParseSize(text)
	if err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("%s is less than nothing", task.Quote(text))
	}
	*q = quantity(n)
	return nil
}

// isolation is a flag that says how a task is to be contained.
type isolation launch.Isolation

func (i *isolation) Type() string   { return "auto|none|cgroup" }
func (i *isolation) String() string { return string(*i) }

func (i *isolation) Set(text string) error {
	found, err := launch.ParseIsolation(text)
	*i = isolation(found)
	return err
}

// atLeast wants n arguments or more, named by what.
func atLeast(n int, what string) cobra.PositionalArgs {
	return between(n, -1, what)
}

// between wants from n to most arguments, named by what; most -1 is any number.
func between(n, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n || most >= 0 && len(args) > most {
			return fmt.Errorf("%s wants %s; see dewar help %s", c.Name(), what, c.Name())
		}
		return nil
	}
}
