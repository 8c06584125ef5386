package task

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

func (v *validation) isolation(i *Isolation) {
	if i == nil {
		return
	}
	at := Path{"isolation"}
	choice(v, at.With("pid"), i.PID, Scopes)
	choice(v, at.With("tmp"), i.Tmp, Scopes)
	choice(v, at.With("shm"), i.Shm, Scopes)
	choice(v, at.With("ipc"), i.IPC, Scopes)
	choice(v, at.With("uts"), i.UTS, Scopes)
	choice(v, at.With("network"), i.Network, Networks)
	choice(v, at.With("seccomp"), i.Seccomp, Seccomps)
	v.hostname(at.With("hostname"), i)
	v.rootfs(at.With("rootfs"), i.RootFS)
	v.capabilities(at.With("capabilities"), i.Capabilities)
	v.mounts(at, i)
}

func (v *validation) hostname(at Path, i *Isolation) {
	const most = 64 // uname(2)
	name := standIn(i.Hostname, "x")
	letters := strings.Trim(name, wordLetters+".") == "" && !strings.Contains(name, "_")
	switch {
	case name == "":
	case i.UTS == Host:
		v.add(at, "hostname is %s, and the machine has its own name: set uts: private", Quote(i.Hostname))
	case len(name) > most:
		v.add(at, "hostname is %d bytes long: the most is %d", len(name), most)
	case !letters || strings.Trim(name, ".-") != name:
		v.add(at, "hostname is %s: use letters, digits, dot and dash, with a letter or a digit at either end", Quote(i.Hostname))
	}
}

func (v *validation) rootfs(at Path, root string) {
	packed := []string{".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2", ".zip"}
	switch err := checkPath(root); {
	case root == "":
	case root == "/":
		v.add(at, "rootfs is the root of the machine, as it is without: take rootfs away")
	case err != nil:
		v.addErr(at, err, "rootfs %s", Quote(root))
	case slices.ContainsFunc(packed, func(end string) bool { return strings.HasSuffix(root, end) }):
		v.add(at, "rootfs %s is compressed: give a directory, or a .tar that is not", Quote(root))
	}
}

func (v *validation) capabilities(at Path, names []string) {
	seen := map[string]bool{}
	for i, name := range names {
		twice := seen[name]
		seen[name] = true
		bare, hint := "CAP_"+strings.TrimPrefix(strings.ToUpper(name), "CAP_"), ""
		switch {
		case twice:
			v.add(at.With(i), "the capability %s is there twice: remove one", name)
			continue
		case slices.Contains(Capabilities, name):
			continue
		case slices.Contains(Capabilities, bare):
			hint = "; did you mean " + Quote(bare) + "?"
		default:
			hint = didYouMean(bare, Capabilities)
		}
		v.add(at.With(i), "there is no capability %s%s", Quote(name), hint)
	}
}

// standIn puts a word in the place of every template of a text, so that the
// rest of it can be checked before a launch binds them.
func standIn(text, word string) string {
	var out strings.Builder
	done := 0
	for start, end := nextTemplate(text, 0); start >= 0; start, end = nextTemplate(text, end) {
		out.WriteString(text[done:start] + word)
		done = end
	}
	return out.String() + text[done:]
}

// checkPath says why a text cannot be a path that leads to one place only.
func checkPath(text string) error {
	const most = 4095 // PATH_MAX less its final NUL
	name := standIn(text, "x")
	switch {
	case name == "":
		return fmt.Errorf("is empty")
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("is not absolute: begin it with /")
	case strings.Contains(name, "\x00"):
		return fmt.Errorf("contains a NUL character")
	case !utf8.ValidString(name):
		return fmt.Errorf("is not UTF-8")
	case path.Clean(name) != name:
		return fmt.Errorf("is not the shortest way to say it: write %s", path.Clean(text))
	case len(name) > most:
		return fmt.Errorf("is %d bytes long: the most is %d", len(name), most)
	}
	return nil
}
