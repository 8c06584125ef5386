package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// User is whom a process runs as.
type User struct {
	Name   string
	UID    int
	GID    int
	Groups []int // supplementary, as the shim is to set them
}

// LookUp finds a user by name, or by number if nobody has that name. An empty
// name is the caller. Whoever is not root may only be itself, with the groups
// that it has: it can set neither.
func LookUp(name string) (User, error) {
	if os.Geteuid() != 0 {
		return lookUpSelf(name)
	}
	found, err := find(name, 0)
	if err != nil {
		return User{}, err
	}
	uid, gid, err := numbers(found)
	if err != nil {
		return User{}, err
	}
	groups, err := groupsOf(found)
	if err != nil {
		return User{}, err
	}
	return User{Name: found.Username, UID: uid, GID: gid, Groups: groups}, nil
}

func lookUpSelf(name string) (User, error) {
	self := os.Geteuid()
	found, err := find(name, self)
	if err != nil {
		return User{}, err
	}
	if found.Uid != strconv.Itoa(self) {
		return User{}, fmt.Errorf("run as user %s (uid %s): only root may run processes as another user, and this is uid %d", found.Username, found.Uid, self)
	}
	groups, err := os.Getgroups()
	if err != nil {
		return User{}, fmt.Errorf("ask for the groups of uid %d: %w", self, err)
	}
	return User{Name: found.Username, UID: self, GID: os.Getegid(), Groups: groups}, nil
}

// find looks in the user database. Our own uid need not be there (containers
// often run as a number that nobody has named).
func find(name string, self int) (*user.User, error) {
	own := strconv.Itoa(self)
	if name == "" {
		name = own
	}
	found, err := user.Lookup(name)
	if err == nil {
		return found, nil
	}
	if !errors.As(err, new(user.UnknownUserError)) {
		return nil, fmt.Errorf("look up user %s: %w", name, err)
	}
	if _, err := strconv.ParseUint(name, 10, 32); err != nil {
		return nil, fmt.Errorf("unknown user %s: the user database of this machine does not have it", name)
	}
	if found, err := user.LookupId(name); err == nil {
		return found, nil
	}
	if name == own {
		return &user.User{Uid: own, Gid: strconv.Itoa(os.Getegid()), Username: own}, nil
	}
	return nil, fmt.Errorf("unknown user %s: the user database of this machine does not have this uid", name)
}

func numbers(found *user.User) (uid, gid int, err error) {
	if uid, err = strconv.Atoi(found.Uid); err == nil {
		gid, err = strconv.Atoi(found.Gid)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read uid %q and gid %q of user %s: %w", found.Uid, found.Gid, found.Username, err)
	}
	return uid, gid, nil
}

func groupsOf(found *user.User) ([]int, error) {
	ids, err := found.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up the groups of user %s: %w", found.Username, err)
	}
	groups := make([]int, 0, len(ids))
	for _, id := range ids {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("read group %q of user %s: %w", id, found.Username, err)
		}
		groups = append(groups, gid)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
