package disk

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mask      = unix.STATX_TYPE | unix.STATX_NLINK | unix.STATX_INO | unix.STATX_BLOCKS | unix.STATX_MNT_ID
	statFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	unit      = 512 // of st_blocks, whatever the file system's own are: stat(2)
)

// noStatx is set by the first refusal: statx(2) is there since kernel 4.11, and
// old seccomp profiles answer EPERM.
var noStatx atomic.Bool

// stat looks at a name, which ends with a NUL, in an open directory, or at the
// open file itself if the name is empty. It follows nothing and mounts nothing.
// With unix.AT_STATX_DONT_SYNC in flags it waits for no server.
func stat(dir int, name []byte, flags int) (node, error) {
	if noStatx.Load() {
		return oldStat(dir, name)
	}
	flags |= statFlags
	if len(name) <= 1 {
		flags |= unix.AT_EMPTY_PATH
	}
	var st unix.Statx_t
	for {
		// By hand: unix.Statx copies the name, twice, for each of a million files.
		_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
			uintptr(flags), mask, uintptr(unsafe.Pointer(&st)), 0)
		switch errno {
		case 0:
			return fromStatx(&st), nil
		case unix.EINTR:
		case unix.ENOSYS, unix.EPERM:
			n, err := oldStat(dir, name)
			if err == nil {
				noStatx.Store(true)
			}
			return n, err
		default:
			return node{}, errno
		}
	}
}

func fromStatx(st *unix.Statx_t) node {
	n := node{
		id:    fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino},
		links: st.Nlink,
		bytes: int64(st.Blocks) * unit,
		kind:  kindOf(uint32(st.Mode)),
	}
	if st.Mask&unix.STATX_MNT_ID != 0 { // since kernel 5.8
		n.mount = st.Mnt_id
	}
	return n
}

func oldStat(dir int, name []byte) (node, error) {
	flags := statFlags
	if len(name) <= 1 {
		flags |= unix.AT_EMPTY_PATH
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, string(name[:len(name)-1]), &st, flags); err != nil {
		return node{}, err
	}
	return node{
		id:    fileID{uint64(st.Dev), st.Ino},
		links: uint32(st.Nlink),
		bytes: st.Blocks * unit,
		kind:  kindOf(st.Mode),
	}, nil
}

func kindOf(mode uint32) kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return regular
	case unix.S_IFDIR:
		return directory
	}
	return special
}

// within says whether n is on the same mount as the top. The device's number
// does not tell a bind mount, and differs below btrfs' subvolumes and for files
// of overlayfs; where nothing else is known it stops at directories only.
func within(top, n node) bool {
	if top.mount != 0 && n.mount != 0 {
		return top.mount == n.mount
	}
	return n.kind != directory || top.id.dev == n.id.dev
}

// lazy answers AT_STATX_DONT_SYNC for file systems whose figures are always at
// hand. There it changes nothing but that a foreign mount below is never asked.
// Where the top itself needs a server, stale figures would be the price.
func lazy(top int) int {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(top, &fs); err != nil {
		return 0
	}
	switch uint32(fs.Type) {
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.CIFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_FS_MAGIC, unix.AFS_SUPER_MAGIC:
		return 0
	}
	return unix.AT_STATX_DONT_SYNC
}
