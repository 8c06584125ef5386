//go:build !linux

package machine

import "time"

var begun = time.Now()

func cpuTime() time.Duration { return time.Since(begun) }
