package task

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (v *validation) attributes(path Path, a *Attributes) {
	for _, name := range slices.Sorted(maps.Keys(a.Rlimits)) {
		v.rlimit(path.With("rlimits", name), name, a.Rlimits[name])
	}
	v.between(path.With("nice"), a.Nice, -20, 19)
	v.between(path.With("oom_score_adj"), a.OOMScoreAdj, -1000, 1000)
	if a.Umask != nil && *a.Umask > 0o777 {
		v.add(path.With("umask"), "umask is %s: it is 000 to 777", *a.Umask)
	}
}

func (v *validation) between(path Path, n *int, least, most int) {
	if n != nil && (*n < least || *n > most) {
		v.add(path, "%s is %d: the kernel takes %d to %d", last(path), *n, least, most)
	}
}

func (v *validation) rlimit(path Path, name string, r Rlimit) {
	if sentence := NoRlimit(name); sentence != "" {
		v.add(path, "%s", sentence)
		return
	}
	switch {
	case r.Soft > r.Hard:
		v.add(path, "the soft limit of %s is %s, more than the hard one, %s: lower it, or raise the hard one", name, rlimitText(r.Soft), rlimitText(r.Hard))
	case name == "nofile" && r.Hard == Unlimited:
		v.add(path, "nofile is unlimited, which the kernel never grants: give a number, such as 1048576")
	}
}

// NoRlimit is the sentence for a resource limit that does not exist, "" for one
// that does.
func NoRlimit(name string) string {
	if slices.Contains(RlimitNames, name) {
		return ""
	}
	hint := didYouMean(name, RlimitNames)
	if hint == "" {
		hint = "; there are " + strings.Join(RlimitNames, ", ")
	}
	return "there is no resource limit " + Quote(name) + hint
}

func rlimitText(n uint64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
