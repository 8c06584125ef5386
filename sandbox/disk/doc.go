// Package disk says how much a task's sandbox holds, its logs included, and
// keeps it below a limit.
//
// In comes a sandbox's directory and a limit in bytes; out go figures that say
// how old they are, or writes that fail. There are two ways, and Look finds by
// trying which of them a place has:
//
//	project quota    the kernel counts and refuses. The sandbox and all that is
//	                 made in it carry a number (the project); a write beyond the
//	                 project's limit fails, with EDQUOT on ext4 (which has them
//	                 since kernel 4.5), with ENOSPC on xfs. They have to be
//	                 mounted with prjquota; setting a limit needs CAP_SYS_ADMIN
//	walk             we count. Files are looked at one by one, never opened, and
//	                 a limit is found to be passed seconds afterwards
//
// # Whom a project quota does not stop
//
// On ext4 a writer with CAP_SYS_RESOURCE in the first user namespace, such as a
// plain root, is counted but not refused (fs/quota/dquot.c, ignore_hardlimit);
// xfs refuses root as well. And the owner of a file may give it another project
// by FS_IOC_FSSETXATTR, unless it lives in a user namespace of its own
// (the kernel's fileattr_set_prepare): a quota holds what grows by mistake, not
// who wants to evade it. Whoever must hold these too keeps a Watch besides.
//
// A quota also counts what was deleted and is still open; a walk cannot see it.
// Inside of a sandbox with a project, rename and link from outside fail with
// EXDEV, as from another file system; mv copies then. A kernel may be built
// without the quotas of ext4 (CONFIG_QFMT_V2) or of xfs (CONFIG_XFS_QUOTA), and
// then refuses the mount.
//
// # Why there is a walk, when nothing should poll
//
// No event of the kernel tells bytes. inotify tells names, one watch a directory
// and nothing of how much; fanotify wants CAP_SYS_ADMIN and an event for every
// write. The free space of the file system (statfs) is everybody's: what one
// task deletes hides what another writes, so it can never excuse a walk on a
// host with other work, and on one without it the walk of a small tree costs no
// more than waking up to ask. So neither is used, a walk is what it is, and its
// cost is bounded instead: it works for 2 ms of CPU time at most and then sleeps
// until it has used 1/160 of the time that has passed. A task without a limit is
// not walked, unless somebody asks (Measure).
//
//	NewWatch ──▶ walk ─┬─ slice 2 ms ─ sleep ─ slice ─ … ─┬──▶ Told ──▶ the loop
//	               ▲   └──────────────────────────────────┘
//	               └─ rest: one in 4 s, or one to confirm ┘
//
// A walk is no snapshot. What moves while it is walked may be counted twice or
// not at all; therefore a limit counts as passed only if two walks in a row say
// so. It holds at most 24 directories open, one buffer each, 40 bytes a level,
// and the numbers of 65,536 files with several links; of further ones it counts
// a link's share. It follows no link, enters no other mount (and asks none: a
// dead FUSE server stops nobody), and whatever it could not look at it counts.
//
// Deliberately absent: what happens to a task over its limit, and how a Quota is
// recorded. Its ID has to be on record before Limit, or a crash leaves a
// limit behind of which nobody knows.
package disk
