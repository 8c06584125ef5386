package task

import (
	"path"
	"strings"
)

// places are the paths at which something is put behind the walls. No two
// things may be at one, since only one of them would be seen.
type places struct {
	*validation
	by    map[string]string // what is at a path
	below map[string]string // by every directory above a volume: the first such volume
}

func (v *validation) mounts(at Path, i *Isolation) {
	p := places{v, map[string]string{}, map[string]string{}}
	if i.Tmp == Private {
		p.by["/tmp"] = "tmp: private"
	}
	if i.Shm == Private {
		p.by["/dev/shm"] = "shm: private"
	}
	for n, volume := range i.Volumes {
		p.volume(at.With("volumes", n), volume)
	}
	for n, hidden := range i.Hidden {
		at := at.With("hidden", n)
		if volume := p.below[hidden]; p.take(at, "hidden path", hidden, "hidden") && volume != "" {
			p.add(at, "the hidden path %s hides a volume, %s: hide what is beside it, or take the volume away", Quote(hidden), Quote(volume))
		}
	}
	for n, path := range i.ReadOnly {
		p.take(at.With("read_only", n), "read-only path", path, "read_only")
	}
}

func (p *places) volume(at Path, volume Volume) {
	p.addErr(at.With("source"), checkPath(volume.Source), "the source of a volume, %s,", Quote(volume.Source))
	at, target := at.With("target"), volume.Target
	if !p.take(at, "volume's target", target, "a volume") {
		return
	}
	for _, system := range []string{"/proc", "/sys"} {
		if target == system || strings.HasPrefix(target, system+"/") {
			p.add(at, "the volume's target %s is inside of %s, which belongs to the kernel: choose another", Quote(target), system)
		}
	}
	if covered := p.below[target]; covered != "" {
		p.add(at, "the volume's target %s covers %s, which is mounted before it: put this volume first", Quote(target), Quote(covered))
	}
	for above := path.Dir(target); above != "/" && p.below[above] == ""; above = path.Dir(above) {
		p.below[above] = target
	}
}

// take puts something at a path, if it can be.
func (p *places) take(at Path, what, path, as string) bool {
	by, taken := p.by[path]
	switch err := checkPath(path); {
	case path == "/":
		p.add(at, "the %s is /, which is everything: name what is meant inside of it", what)
	case err != nil:
		p.addErr(at, err, "the %s %s", what, Quote(path))
	case taken:
		p.add(at, "the %s %s is taken already, by %s: keep one of them", what, Quote(path), by)
	default:
		p.by[path] = as
		return true
	}
	return false
}
