package evidence

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// fillSockets shows the sockets that processes have open, with what waits in
// their queues: of one that listens, how many wait to be accepted.
func fillSockets(ctx context.Context, to *sheet, pids []int) {
	open := owners(ctx, pids)
	if len(open) == 0 {
		return
	}
	to.printf("%-6s %-12s %-30s %-30s %10s %10s  %s\n", "KIND", "STATE", "LOCAL", "REMOTE", "RECV-Q", "SEND-Q", "PROCESS")
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6", "unix"} {
		table, err := os.Open(of(pids[0]) + "net/" + kind)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(table)
		for lines.Scan() && ctx.Err() == nil && !to.full() {
			line, inode := inet(kind, lines.Text())
			if kind == "unix" {
				line, inode = unixSocket(lines.Text())
			}
			if by := open[inode]; by != "" {
				to.printf("%s  %s\n", line, by)
			}
		}
		_ = table.Close() // it was only read
	}
}

// owners are, for the inode of each open socket, the processes and descriptors.
func owners(ctx context.Context, pids []int) map[string]string {
	open := make(map[string]string)
	for _, pid := range pids {
		files, _ := list(of(pid)+"fd", 64<<10)
		for _, fd := range files {
			if ctx.Err() != nil {
				return open
			}
			target, err := os.Readlink(of(pid) + "fd/" + fd)
			inode, is := strings.CutPrefix(target, "socket:[")
			if err != nil || !is {
				continue
			}
			inode = strings.TrimSuffix(inode, "]")
			if by := open[inode]; len(by) < 60 {
				open[inode] = strings.TrimSpace(by + fmt.Sprintf(" %d:fd%s", pid, fd))
			}
		}
	}
	return open
}

// tcpStates are those of linux/include/net/tcp_states.h.
var tcpStates = []string{"?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}

// inet reads a line of /proc/<pid>/net/tcp and the like; inode is "" if it is none.
func inet(kind, line string) (shown, inode string) {
	f := strings.Fields(line)
	if len(f) < 10 || !strings.HasSuffix(f[0], ":") {
		return "", ""
	}
	state := ""
	if n, err := strconv.ParseUint(f[3], 16, 8); err == nil && strings.HasPrefix(kind, "tcp") && int(n) < len(tcpStates) {
		state = tcpStates[n]
	}
	send, recv, _ := strings.Cut(f[4], ":")
	return fmt.Sprintf("%-6s %-12s %-30s %-30s %10d %10d", kind, state, address(f[1]), address(f[2]), number(recv), number(send)), f[9]
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// address reads an address as the kernel prints it: 32-bit words in the order of
// the machine, which is little endian where Dewar runs, a colon, and the port.
func address(s string) string {
	words, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(words)
	if !ok || err != nil || len(b)%4 != 0 {
		return s
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		return s
	}
	return netip.AddrPortFrom(ip, uint16(number(port))).String()
}

// unixSocket reads a line of /proc/<pid>/net/unix.
func unixSocket(line string) (shown, inode string) {
	f := strings.Fields(line)
	if len(f) < 7 {
		return "", ""
	}
	path := ""
	if len(f) > 7 {
		path = printable(f[7])
	}
	state := map[string]string{"01": "UNCONNECTED", "02": "CONNECTING", "03": "CONNECTED", "04": "CLOSING"}[f[5]]
	if number(f[3])&0x10000 != 0 { // __SO_ACCEPTCON
		state = "LISTEN"
	}
	return fmt.Sprintf("%-6s %-12s %-30s %-30s %10s %10s", "unix", state, path, "", "", ""), f[6]
}
