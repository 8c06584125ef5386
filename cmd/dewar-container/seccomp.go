//go:build linux && cgo && seccomp

package main

import (
	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultFilter is the profile that container engines have in common, for a
// process with these capabilities.
func defaultFilter(capabilities []string) (*configs.Seccomp, error) {
	filter, err := seccomp.GetDefaultProfile(&specs.Spec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: capabilities}},
	})
	if err != nil {
		return nil, err
	}
	return specconv.SetupSeccomp(filter)
}
