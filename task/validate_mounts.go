package task

import "strings"

// mounts are all that changes the tree of files behind the walls. No two of
// them may be at one place, since only one would be seen.
func (v *validation) mounts(at Path, i *Isolation) {
	taken := map[string]string{}
	if i.Tmp == Private {
		taken["/tmp"] = "tmp: private"
	}
	if i.Shm == Private {
		taken["/dev/shm"] = "shm: private"
	}
	for n, volume := range i.Volumes {
		v.volume(at.With("volumes", n), i.Volumes[:n], volume, taken)
	}
	for n, hidden := range i.Hidden {
		if v.place(at.With("hidden", n), "hidden path", hidden, taken) {
			taken[hidden] = "hidden"
			v.hiddenVolumes(at.With("hidden", n), hidden, i.Volumes)
		}
	}
	for n, path := range i.ReadOnly {
		if v.place(at.With("read_only", n), "read-only path", path, taken) {
			taken[path] = "read_only"
		}
	}
}

func (v *validation) volume(at Path, before []Volume, volume Volume, taken map[string]string) {
	v.addErr(at.With("source"), checkPath(volume.Source), "the source of a volume, %s,", Quote(volume.Source))
	target := at.With("target")
	if !v.place(target, "volume's target", volume.Target, taken) {
		return
	}
	taken[volume.Target] = "a volume"
	for _, system := range []string{"/proc", "/sys"} {
		if volume.Target == system || strings.HasPrefix(volume.Target, system+"/") {
			v.add(target, "the volume's target %s is inside of %s, which belongs to the kernel: choose another", Quote(volume.Target), system)
			return
		}
	}
	for _, b := range before {
		if strings.HasPrefix(b.Target, volume.Target+"/") {
			v.add(target, "the volume's target %s covers %s, which is mounted before it: put this volume first", Quote(volume.Target), Quote(b.Target))
			return
		}
	}
}

func (v *validation) hiddenVolumes(at Path, hidden string, volumes []Volume) {
	for _, volume := range volumes {
		if strings.HasPrefix(volume.Target, hidden+"/") {
			v.add(at, "the hidden path %s hides a volume, %s: hide what is beside it, or take the volume away", Quote(hidden), Quote(volume.Target))
		}
	}
}

// place says whether something can be put at a path.
func (v *validation) place(at Path, what, path string, taken map[string]string) bool {
	by, twice := taken[path]
	switch err := checkPath(path); {
	case path == "/":
		v.add(at, "the %s is /, which is everything: name what is meant inside of it", what)
	case err != nil:
		v.addErr(at, err, "the %s %s", what, Quote(path))
	case twice:
		v.add(at, "the %s %s is taken already, by %s: keep one of them", what, Quote(path), by)
	default:
		return true
	}
	return false
}
