package cgroup

// pids.max: since 4.3 (v1), 4.5 (v2). It counts threads, and only a fork is
// refused by it: a limit below what there is would let nothing be started.
func pidsBoth(l Limits) []setting {
	one := setting{what: Pids, asked: l.Pids > 0, file: "pids.max", value: limitText(l.Pids)}
	if l.Pids > 0 {
		one.put = func(dir string) error {
			used, err := readNumber(dir + "/pids.current")
			if err != nil {
				return err
			}
			if used > l.Pids {
				return &BelowUse{What: Pids, Asked: l.Pids, Used: used, File: dir + "/pids.current"}
			}
			return writeFile(dir+"/pids.max", one.value)
		}
	}
	return []setting{one}
}
