package disk

import (
	"fmt"
	"strings"
)

// Ways says how a limit can be kept at a place.
type Ways struct {
	Project bool   `json:"project"`       // by project quotas: writes fail
	Bypass  bool   `json:"bypass"`        // then: not those of CAP_SYS_RESOURCE, as root has it
	Why     string `json:"why,omitempty"` // why there are no project quotas, and the remedy: a sentence

	Type   string `json:"type"`   // of the file system, as in mountinfo
	Mount  string `json:"mount"`  // where it is mounted
	Device string `json:"device"` // what is mounted there
}

// What quota state the kernel tells: linux/dqblk_xfs.h.
const (
	counted  = 1 << 4 // FS_QUOTA_PDQ_ACCT
	enforced = 1 << 5 // FS_QUOTA_PDQ_ENFD
)

// judge says what the state of a file system's quotas means for dir.
func (w Ways) judge(dir string, state uint16) Ways {
	switch {
	case state&(counted|enforced) == counted|enforced:
		w.Project = true
		w.Bypass = w.Type != "xfs"
	case w.Type == "ext4" && state&counted != 0:
		w.Why = fmt.Sprintf("%s is on ext4 whose project quotas count but do not limit: %s", dir, w.anew(true))
	case w.Type == "ext4":
		w.Why = fmt.Sprintf("%s is on ext4 without project quotas: %s", dir, w.anew(false))
	case w.Type == "xfs":
		w.Why = fmt.Sprintf("%s is on xfs mounted without project quotas: %s", dir, w.anew(true))
	default:
		w.Why = fmt.Sprintf("%s is on %s, which has no project quotas: ext4 and xfs have them", dir, w.Type)
	}
	return w
}

// anew is what to type so that the file system is mounted with project quotas,
// and made for them if it is not: a remount does not turn them on. A kernel
// without the format of ext4's quotas would not mount what has them any more,
// so that is asked first. The root of all cannot be unmounted.
func (w Ways) anew(made bool) string {
	const known = "modprobe quota_v2"
	device, mount := quote(w.Device), quote(w.Mount)
	enable := "tune2fs -O project,quota -Q prjquota " + device
	switch again := fmt.Sprintf("(mount -o prjquota %[1]s %[2]s || mount %[1]s %[2]s)", device, mount); {
	case w.Mount == "/" && made:
		return "boot with rootflags=prjquota; or " + elsewhere
	case w.Mount == "/":
		return elsewhere + "; or, if " + known + " works: from another system " + enable + ", and boot with rootflags=prjquota"
	case made:
		return "umount " + mount + " && " + again
	default:
		return known + " && umount " + mount + " && " + enable + " && " + again
	}
}

const elsewhere = "keep tasks on a file system of their own (--root, DEWAR_ROOT)"

// quote makes one word of a shell's.
func quote(word string) string {
	if !strings.ContainsAny(word, " \t\n\\'\"$`;&|<>()*?[]#~!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// forbid is judge where the kernel would, but does not let us.
func (w Ways) forbid(dir string) Ways {
	w.Project, w.Bypass = false, false
	w.Why = fmt.Sprintf("%s has project quotas, but to set one takes CAP_SYS_ADMIN outside of any user namespace", dir)
	return w
}

// mountOf finds, in the text of /proc/self/mountinfo, where the absolute path
// without links lies: the longest mount point above it, and of equals the last,
// which covers the others.
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext4 /dev/root rw,errors=continue
func mountOf(mountinfo, path string) (w Ways, ok bool) {
	for line := range strings.Lines(mountinfo) {
		before, after, cut := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !cut || len(left) < 6 || len(right) < 3 {
			continue
		}
		point := unescape(left[4])
		if !below(path, point) || len(point) < len(w.Mount) {
			continue
		}
		w, ok = Ways{Type: right[0], Mount: point, Device: unescape(right[1])}, true
	}
	return w, ok
}

func below(path, point string) bool {
	return path == point || strings.HasPrefix(path, strings.TrimSuffix(point, "/")+"/")
}

// unescape undoes what the kernel does to spaces and the like: fs/proc_namespace.c.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace
