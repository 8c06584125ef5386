//go:build linux && cgo && !seccomp

package main

import (
	"errors"

	"github.com/opencontainers/runc/libcontainer/configs"
)

// defaultFilter is not there in a build without libseccomp.
func defaultFilter([]string) (*configs.Seccomp, error) {
	return nil, errors.New("dewar-container was built without libseccomp (Debian: libseccomp-dev): build it anew, or say seccomp: none")
}
