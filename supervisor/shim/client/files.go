package client

import (
	"fmt"
	"os"
	"syscall"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/task"
)

// WriteSpec makes the run's directory and writes its spec, which holds the
// environment and with it perhaps secrets: mode 0640.
func WriteSpec(dir task.Dir, r task.RunID, spec shim.Spec) error {
	if err := spec.Check(); err != nil {
		return fmt.Errorf("write the spec of %s: %w", r, err)
	}
	if err := MakeRun(dir, r); err != nil {
		return err
	}
	if err := os.WriteFile(dir.Spec(r), spec.Append(nil), 0o640); err != nil {
		return fmt.Errorf("write the spec of %s: %w", r, err)
	}
	return nil
}

// MakeRun makes a run's directory, if it is not there.
func MakeRun(dir task.Dir, r task.RunID) error {
	if err := os.MkdirAll(dir.Run(r), 0o711); err != nil {
		return fmt.Errorf("make the directory of %s: %w", r, err)
	}
	return nil
}

// ReadStatus reads what the shim knows of a run. The error names the file and
// what is wrong with it; it is fs.ErrNotExist (errors.Is) for a run that the
// shim was never asked to spawn.
func ReadStatus(dir task.Dir, r task.RunID) (shim.Status, error) {
	path := dir.Status(r)
	b, err := readBounded(path)
	if err != nil {
		return shim.Status{}, fmt.Errorf("read the status of %s: %w", r, err)
	}
	s, err := shim.DecodeStatus(b)
	if err != nil {
		return s, fmt.Errorf("read the status of %s: %s: %w", r, path, err)
	}
	return s, nil
}

// ReadSpec reads a run's spec back.
func ReadSpec(dir task.Dir, r task.RunID) (shim.Spec, error) {
	b, err := os.ReadFile(dir.Spec(r))
	if err != nil {
		return shim.Spec{}, fmt.Errorf("read the spec of %s: %w", r, err)
	}
	s, err := shim.DecodeSpec(b)
	if err != nil {
		return s, fmt.Errorf("read the spec of %s: %s: %w", r, dir.Spec(r), err)
	}
	return s, nil
}

// readBounded reads a status file, which is never longer than this.
func readBounded(path string) ([]byte, error) {
	const most = 64 << 10
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, most)
	n := 0
	for n < len(b) {
		k, err := f.Read(b[n:])
		n += k
		if k == 0 || err != nil {
			break
		}
	}
	return b[:n], nil
}
