package main

import (
	"fmt"
	"os"
	"os/exec"
)

// image is a file system that is made once; guests write to a layer of their
// own above it.
type image struct {
	disk
	modules []string
	size    int64
	program string
	args    []string
	pkg     string // that the program is in
}

// quotaImages can count and limit what a project writes (mount option
// prjquota). Loop is for tests that make file systems themselves. 300 MB is the least that mkfs.xfs accepts; the files are sparse.
var quotaImages = []image{
	{disk{"ext4", "/vm/ext4"}, []string{"ext4", "crc32c_generic", "quota_v2", "loop"}, 128 << 20,
		"mkfs.ext4", []string{"-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota,lazy_itable_init=1,root_owner=0:0"}, "e2fsprogs"},
	{disk{"xfs", "/vm/xfs"}, []string{"xfs", "crc32c_generic"}, 300 << 20, "mkfs.xfs", []string{"-q", "-f"}, "xfsprogs"},
}

// make makes the image's file at path.
func (i image) make(path string) error {
	program, err := find(i.program, i.pkg)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Truncate(i.size); err != nil {
		return fmt.Errorf("make an image of %d bytes: %w", i.size, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = run("", program, append(i.args, path)...)
	return err
}

// find answers the path of a program, or an error that names its package.
func find(name, pkg string) (string, error) {
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/", "/usr/libexec/", "/usr/lib/qemu/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: apt-get install --no-install-recommends %s", name, pkg)
}
