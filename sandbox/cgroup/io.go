package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ioV2: io.max since 4.5 (BLK_DEV_THROTTLING); io.weight where a scheduler
// serves it (iocost since 5.4; bfq as io.bfq.weight since 5.0).
func ioV2(l Limits) []setting {
	all := []setting{weightSetting(l, "io.weight", "io.bfq.weight")}
	if l.IORead == 0 && l.IOWrite == 0 {
		return append(all, setting{what: IORead, file: "io.max",
			always: true, put: func(dir string) error { return unlimitIO(dir) }})
	}
	what := IORead
	if l.IORead == 0 {
		what = IOWrite
	}
	return append(all, setting{what: what, asked: true, file: "io.max",
		always: true, put: func(dir string) error { return putIOMax(dir, l) }})
}

func putIOMax(dir string, l Limits) error {
	device, err := deviceOf(l.IOPath)
	if err != nil {
		return err
	}
	return writeFile(dir+"/io.max", fmt.Sprintf("%s rbps=%s wbps=%s", device, limitText(l.IORead), limitText(l.IOWrite)))
}

// unlimitIO takes away what is there, of any device.
func unlimitIO(dir string) error {
	text, err := readFile(dir + "/io.max")
	if err != nil {
		return err
	}
	for one := range strings.Lines(text) {
		device, _, _ := strings.Cut(one, " ")
		if err := writeFile(dir+"/io.max", device+" rbps=max wbps=max"); err != nil {
			return err
		}
	}
	return nil
}

// ioV1: blkio.throttle.*_bps_device where the kernel was built with
// BLK_DEV_THROTTLING. blkio.bfq.weight goes to 1000; blkio.weight (CFQ, before
// 5.0) from 10 to 1000, where 500 is the default.
func ioV1(l Limits) []setting {
	return []setting{
		weightSetting(l, "blkio.bfq.weight", "blkio.weight"),
		throttleV1(IORead, l.IORead, l.IOPath, "blkio.throttle.read_bps_device"),
		throttleV1(IOWrite, l.IOWrite, l.IOPath, "blkio.throttle.write_bps_device"),
	}
}

func throttleV1(what What, rate int64, on, file string) setting {
	return setting{what: what, asked: rate > 0, file: file,
		always: true,
		put: func(dir string) error {
			if rate == 0 {
				return unthrottle(dir + "/" + file)
			}
			device, err := deviceOf(on)
			if err != nil {
				return err
			}
			return writeFile(dir+"/"+file, device+" "+itoa(rate))
		}}
}

func unthrottle(file string) error {
	text, err := readFile(file)
	if err != nil {
		return err
	}
	for one := range strings.Lines(text) {
		device, _, _ := strings.Cut(one, " ")
		if err := writeFile(file, device+" 0"); err != nil {
			return err
		}
	}
	return nil
}

// weightSetting is the first of files that is there.
func weightSetting(l Limits, files ...string) setting {
	want := l.IOWeight
	if want == 0 {
		want = 100
	}
	return setting{
		what: IOWeight, asked: l.IOWeight > 0,
		pick: func(dir string) (string, string) {
			for _, name := range files {
				if exists(dir + "/" + name) {
					return name, itoa(weightFor(name, want))
				}
			}
			return files[0], "" // reading it says that it is not there
		},
		same: func(current string) bool {
			first, _, _ := strings.Cut(current, "\n")
			now := strings.TrimPrefix(first, "default ")
			return slices.ContainsFunc(files, func(name string) bool { return now == itoa(weightFor(name, want)) })
		},
	}
}

func weightFor(name string, want int) int64 {
	switch name {
	case "io.weight":
		return int64(want)
	case "blkio.weight":
		return clamp(float64(want)*5, 10, 1000)
	default:
		return clamp(float64(want), 1, 1000)
	}
}

// deviceOf is the major:minor of the whole disk that a path's file system is
// on, or, if the path is a block device, of that: requests are throttled there, and partitions are refused.
func deviceOf(name string) (string, error) {
	if name == "" {
		return "", errors.New("find the disk to limit: no path is given")
	}
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return "", fmt.Errorf("find the disk that %s is on: %w", name, err)
	}
	number := uint64(st.Dev)
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		number = uint64(st.Rdev)
	}
	if unix.Major(number) == 0 { // btrfs and others have a number of their own
		var err error
		if number, err = mountedFrom(name, number); err != nil {
			return "", err
		}
	}
	return wholeDisk(fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number)), "/sys/dev/block")
}

// mountedFrom finds the block device that mountinfo names for a device number.
func mountedFrom(name string, number uint64) (uint64, error) {
	text, err := readFile("/proc/self/mountinfo")
	if err != nil {
		return 0, err
	}
	want := fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number))
	for one := range strings.Lines(text) {
		before, after, ok := strings.Cut(one, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 3 || len(right) < 2 || left[2] != want || !strings.HasPrefix(right[1], "/dev/") {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(unescape(right[1]), &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
			return uint64(st.Rdev), nil
		}
	}
	return 0, fmt.Errorf("find the disk that %s is on: its file system (device %s) is on no block device: %w", name, want, errors.ErrUnsupported)
}

func wholeDisk(device, sys string) (string, error) {
	at := path.Join(sys, device)
	if _, err := os.Stat(at + "/partition"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return device, nil
		}
		return "", fmt.Errorf("find the disk of device %s: %w", device, err)
	}
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return "", fmt.Errorf("find the disk of device %s: %w", device, err)
	}
	text, err := os.ReadFile(path.Join(path.Dir(real), "dev"))
	if err != nil {
		return "", fmt.Errorf("find the disk of device %s: %w", device, err)
	}
	return string(bytes.TrimSpace(text)), nil
}
