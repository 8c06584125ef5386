package shim

const (
	sysRenameat2  = 316
	sysNewfstatat = 262
	sysEpollPwait = 281
)
