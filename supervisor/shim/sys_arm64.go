package shim

const (
	sysRenameat2  = 276
	sysNewfstatat = 79
	sysEpollPwait = 22
)
