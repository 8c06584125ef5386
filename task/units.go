package task

import "time"

// Duration is a span of time. In a file it is a number of seconds (fractions
// allowed) or a string such as "250ms", "2m" or "1h30m"; in JSON that we write
// it is a string.
type Duration time.Duration

// Size is a number of bytes. In a file it is a number or a string such as
// "128MB" (powers of 1024); in JSON that we write it is a number.
type Size int64

// Signal is a signal's name without SIG, such as "TERM".
type Signal string
