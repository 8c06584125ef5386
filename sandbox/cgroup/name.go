package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// longest is how many bytes the name of a group may have.
const longest = 255

// leaf is the name of a process' group: "p-" and the name, in which control
// characters, slashes and "%" are written as %2F. Two names never have one
// group. A name that would become too long (only one of many such characters
// can) is cut, and told apart by its hash after "%-", which nothing else makes.
func leaf(name string) string {
	var b strings.Builder
	b.WriteString("p-")
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c == 0x7f || c == '/' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() <= longest {
		return b.String()
	}
	sum := sha256.Sum256([]byte(name))
	return b.String()[:longest-2-2*len(sum)] + "%-" + hex.EncodeToString(sum[:])
}

const hexDigits = "0123456789ABCDEF"

// top is the name of a task's group.
func top(key string) string {
	sum := sha256.Sum256([]byte(key))
	return topPrefix + hex.EncodeToString(sum[:8])
}

const topPrefix = "dewar-"

// isTop says whether a name may be one of top's.
func isTop(name string) bool {
	rest, ok := strings.CutPrefix(name, topPrefix)
	return ok && len(rest) == 16 && strings.Trim(rest, "0123456789abcdef") == ""
}
