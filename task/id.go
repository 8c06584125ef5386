package task

import (
	"fmt"
	"strings"
	"time"
)

// MaxID is the most bytes that a task's id may have.
const MaxID = 120

// NewID makes an id for a task: its name, the time and four random letters or
// digits, as in "web-20260131-235959-k3x9". Characters that an id cannot have
// become dashes, and a name too long is cut. The time's zone is the caller's.
func NewID(name string, now time.Time, random uint32) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	tail := []byte(now.Format("-20060102-150405-"))
	for range 4 {
		tail = append(tail, digits[random%36])
		random /= 36
	}
	head := strings.TrimLeft(strings.Map(idLetter, name), "-.")
	head = head[:min(len(head), MaxID-len(tail))]
	if head == "" {
		head = "task"
	}
	return head + string(tail)
}

func idLetter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
		return r
	}
	return '-'
}

// CheckID says why a text cannot be a task's id, which becomes the name of a
// directory and an argument of commands.
func CheckID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("the task id is empty")
	case len(id) > MaxID:
		return fmt.Errorf("the task id %s is %d bytes long: the most is %d", Quote(id), len(id), MaxID)
	case id[0] == '.' || id[0] == '-':
		return fmt.Errorf("the task id %s begins with %q: begin with a letter or a digit", Quote(id), id[0])
	case strings.Map(idLetter, id) != id:
		return fmt.Errorf("the task id %s has characters that it cannot have: use letters, digits, dot, dash and underscore", Quote(id))
	}
	return nil
}
