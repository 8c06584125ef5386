package launch

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// owner is the uid of a file's owner.
func owner(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// userName is a user's name, or else the number.
func userName(uid int) string {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}
