package doctor

import "unsafe"

// addressOf is for prctl, which writes there.
func addressOf(to *int32) uintptr { return uintptr(unsafe.Pointer(to)) }
