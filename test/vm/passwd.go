package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// account is a line of passwd(5) and what group(5) adds to it.
type account struct {
	Name     string
	UID, GID int
	Groups   []int
	Home     string
}

// findAccount looks for name in the texts of passwd and group. (os/user would
// link this program against the C library, and it could not be an init.)
func findAccount(passwd, group, name string) (account, error) {
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 7 || f[0] != name {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		if err != nil {
			return account{}, fmt.Errorf("user %s: read uid: %w", name, err)
		}
		gid, err := strconv.Atoi(f[3])
		if err != nil {
			return account{}, fmt.Errorf("user %s: read gid: %w", name, err)
		}
		return account{Name: name, UID: uid, GID: gid, Home: f[5], Groups: groupsOf(group, name, gid)}, nil
	}
	return account{}, fmt.Errorf("there is no user %q", name)
}

// groupsOf are gid and the groups that name is listed in.
func groupsOf(group, name string, gid int) []int {
	groups := []int{gid}
	for line := range strings.Lines(group) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		if n, err := strconv.Atoi(f[2]); err == nil && !slices.Contains(groups, n) {
			groups = append(groups, n)
		}
	}
	return groups
}
