package cgroup

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// hierarchy is one cgroup file system that is mounted here.
type hierarchy struct {
	unified     bool
	controllers []string // of v1, named ones as "name=systemd"
	mount       string   // where it is mounted
	root        string   // which of its groups is seen there
}

// parseMounts finds the hierarchies in the text of /proc/self/mountinfo. Of one
// that is mounted several times, the mount that shows most of it counts (the
// shortest root), and of those the first.
//
//	41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
func parseMounts(text string) (all []hierarchy) {
	for one := range strings.Lines(text) {
		before, after, ok := strings.Cut(one, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		h := hierarchy{root: unescape(left[3]), mount: unescape(left[4])}
		switch right[0] {
		case "cgroup2":
			h.unified = true
		case "cgroup":
			h.controllers = v1Controllers(right[2])
		default:
			continue
		}
		at := slices.IndexFunc(all, h.same)
		switch {
		case at < 0:
			all = append(all, h)
		case len(h.root) < len(all[at].root):
			all[at] = h
		}
	}
	return all
}

func (h hierarchy) same(other hierarchy) bool {
	return h.unified == other.unified && slices.Equal(h.controllers, other.controllers)
}

// v1Controllers picks the controllers out of the super block's options, where
// "rw", "xattr" and "release_agent=…" stand beside them.
func v1Controllers(options string) (names []string) {
	for option := range strings.SplitSeq(options, ",") {
		if slices.Contains(v1Names, option) || strings.HasPrefix(option, "name=") {
			names = append(names, option)
		}
	}
	return names
}

// v1Names are all controllers that v1 ever had.
var v1Names = []string{
	"cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer",
	"net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc",
}

// unescape turns mountinfo's \040 back into a space.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseOwn reads /proc/self/cgroup: "" (unified) or controller to the path of
// our group within its hierarchy. A path may hold colons and spaces.
//
//	4:memory:/user.slice/a:b
//	0::/user.slice
func parseOwn(text string) map[string]string {
	own := map[string]string{}
	for one := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(one, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "" && parts[0] == "0" {
			own[""] = parts[2]
			continue
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			own[name] = parts[2]
		}
	}
	return own
}

// dir is where our group in a hierarchy is found in the file system. why says
// why it is not: it lies outside of what is mounted here, or of our namespace.
func (h hierarchy) dir(own string) (dir, why string) {
	if own == "/.." || strings.HasPrefix(own, "/../") {
		return "", "our own group " + own + " lies outside of our cgroup namespace"
	}
	if strings.HasSuffix(own, " (deleted)") {
		return "", "our own group was removed"
	}
	if h.root == "/.." || strings.HasPrefix(h.root, "/../") {
		return "", h.mount + " was mounted from another cgroup namespace"
	}
	if h.root == "/" {
		return path.Join(h.mount, own), ""
	}
	rest, ok := strings.CutPrefix(own, h.root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", "our own group " + own + " is not in what is mounted at " + h.mount + " (" + h.root + ")"
	}
	return path.Join(h.mount, rest), ""
}
