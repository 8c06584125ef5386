package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Programs are Dewar's own: paths, or why there are none.
type Programs struct {
	Shim      string
	Brain     string
	Container string
	Err       error // why shim or brain is not found
	WallsErr  error // why no walls can be built
}

func (p Programs) facts(version string) []Fact {
	if p.Err != nil {
		return []Fact{bad("programs", p.Err.Error(), "put dewar, dewar-shim and dewar-executor into one directory, or name it in DEWAR_LIBEXEC")}
	}
	facts := []Fact{
		versions("dewar-shim", p.Shim, version, ask(p.Shim, "--version")),
		versions("dewar-executor", p.Brain, version, ask(p.Brain, "--version")),
	}
	if p.WallsErr != nil {
		return append(facts, warn("dewar-container", p.WallsErr.Error(), "needed only by tasks that ask for walls (isolation)"))
	}
	return append(facts, versions("dewar-container", p.Container, version, ask(p.Container, "version")))
}

// answer is what a program says of its version.
type answer struct {
	text string
	err  error
}

func ask(program string, args ...string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).Output()
	return answer{string(out), err}
}

// versions compares "dewar-executor v1.2" with ours.
func versions(name, path, ours string, a answer) Fact {
	if a.err != nil {
		return bad(name, fmt.Sprintf("%s does not run: %v", path, a.err), "install all of Dewar's programs anew")
	}
	fields := strings.Fields(a.text)
	if len(fields) != 2 || fields[0] != name {
		return bad(name, path+" is something else", "install all of Dewar's programs anew")
	}
	if fields[1] != ours {
		return warn(name, fmt.Sprintf("%s is version %s, and this program is %s", path, fields[1], ours), "install all of Dewar's programs together")
	}
	return ok(name, path+", version "+ours)
}
