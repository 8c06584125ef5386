package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// LaunchVersion is the version of the format of task.json.
const LaunchVersion = 1

// ReadLaunch reads task.json. What it returns without an error can be run:
// the id is one, and the task has no problems. Absent fields get their
// defaults and unknown ones are passed over, so that older and newer versions
// of us read each other's files; a file whose version is not ours is refused.
func ReadLaunch(data []byte) (Launch, error) {
	if len(bytes.Trim(data, " \t\r\n\x00")) == 0 {
		return Launch{}, fmt.Errorf("read the launched task: there is nothing in it (%d bytes)", len(data))
	}
	l, err := decodeLaunch(data)
	if err != nil {
		return Launch{}, fmt.Errorf("read the launched task: %w", err)
	}
	if err := CheckID(l.ID); err != nil {
		return Launch{}, fmt.Errorf("read the launched task: %w", err)
	}
	if err := l.Task.Validate().Err(); err != nil {
		return Launch{}, fmt.Errorf("read the launched task: %w", err)
	}
	for _, asked := range l.Task.AskedPorts() {
		if asked.Port.Number(l.Ports) == 0 {
			return Launch{}, fmt.Errorf("read the launched task: %s: the port %s is not bound", asked.Path, asked.Port)
		}
	}
	return l, nil
}

func decodeLaunch(data []byte) (Launch, error) {
	var l struct {
		Launch
		Task *Task `json:"task"` // in the place of the embedded one
	}
	err := json.Unmarshal(data, &l)
	var head struct {
		Version int `json:"version"`
	}
	if err != nil && json.Unmarshal(data, &head) != nil {
		return Launch{}, fmt.Errorf("%w%s", err, where(err))
	}
	if err == nil {
		head.Version = l.Version
	}
	switch {
	case head.Version != LaunchVersion:
		return Launch{}, fmt.Errorf("its format is version %d, and this program knows only %d", head.Version, LaunchVersion)
	case err != nil:
		return Launch{}, err
	case l.Task == nil:
		return Launch{}, fmt.Errorf("it has no field task")
	}
	l.Launch.Task = *l.Task
	return l.Launch, nil
}

// where names the place of a JSON error, which its text leaves out.
func where(err error) string {
	if e, ok := err.(*json.SyntaxError); ok {
		return " at byte " + strconv.FormatInt(e.Offset, 10)
	}
	return ""
}

// Encode is the text of task.json: JSON, indented for people. It refuses what
// JSON cannot carry, a text that is not UTF-8.
func (l Launch) Encode() ([]byte, error) {
	for _, env := range []map[string]string{l.BaseEnv, {"DEWAR_PATH": l.Path, "LANG": l.Lang, "TZ": l.TZ}} {
		for _, name := range slices.Sorted(maps.Keys(env)) {
			if !utf8.ValidString(name) || !utf8.ValidString(env[name]) {
				return nil, fmt.Errorf("write the launched task: the environment variable %s of the caller is not UTF-8: unset it", Quote(name))
			}
		}
	}
	l.Version = LaunchVersion
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(l); err != nil {
		return nil, fmt.Errorf("write the launched task: %w", err)
	}
	return b.Bytes(), nil
}
