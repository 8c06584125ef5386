package machine

// The fields of each record, in the order in which they are written. The names
// are those of the struct tags: encoding/json reads the same.

func (r *Created) fields(w *wire) {
	text(w, "id", &r.ID)
	text(w, "name", &r.Name)
	w.int("format", &r.Format)
}

func (r *TakenUp) fields(w *wire) {
	w.int("pid", &r.Pid)
	text(w, "version", &r.Version)
	text(w, "boot_id", &r.BootID)
}

func (w *wire) run(process *string, run *int) {
	text(w, "process", process)
	w.int("run", run)
}

func (r *Forking) fields(w *wire) { w.run(&r.Process, &r.Run) }

func (r *Started) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	w.int("pid", &r.Pid)
	w.int64("start", &r.Start)
	w.instant("at", &r.At)
}

func (r *Ready) fields(w *wire) { w.run(&r.Process, &r.Run) }

func (r *Stopping) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	text(w, "cause", &r.Cause)
	w.signal("signal", &r.Signal)
	w.int64("by", &r.By)
}

func (r *Killing) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	text(w, "cause", &r.Cause)
}

func (r *Ended) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	text(w, "state", &r.State)
	w.optExit("exit", &r.Exit)
	w.optInt("signal", &r.Signal)
	w.optBool("core", &r.Core)
	w.optString("reason", &r.Reason)
	w.instant("at", &r.At)
	w.rusage("rusage", &r.Rusage)
	w.optString("tail", &r.Tail)
	w.optInt("left", &r.Left)
	w.optOOM("oom", &r.OOM)
}

func (w *wire) rusage(name string, v *Rusage) {
	w.must(name)
	if !w.bad {
		w.open()
		w.int64("user", &v.User)
		w.int64("system", &v.System)
		w.int64("maxrss", &v.MaxRSS)
		w.close()
	}
}

func (r *Emptied) fields(w *wire) { w.run(&r.Process, &r.Run) }

func (r *KillAsked) fields(w *wire) {
	w.duration("grace", &r.Grace)
	w.optBool("lose", &r.Lose)
	text(w, "by", &r.By)
	w.optString("reason", &r.Reason)
}

func (r *RestartAsked) fields(w *wire) {
	text(w, "process", &r.Process)
	text(w, "by", &r.By)
}

func (r *StopAsked) fields(w *wire) {
	text(w, "process", &r.Process)
	text(w, "by", &r.By)
}

func (r *StartAsked) fields(w *wire) {
	text(w, "process", &r.Process)
	text(w, "by", &r.By)
}

func (r *SignalAsked) fields(w *wire) {
	w.run(&r.Process, &r.Run)
	w.signal("signal", &r.Signal)
	text(w, "by", &r.By)
}

func (r *Cleaning) fields(w *wire) {
	text(w, "result", &r.Result)
	text(w, "reason", &r.Reason)
	w.int64("by", &r.By)
}

func (r *Finalizing) fields(*wire) {}
func (r *Clearing) fields(*wire)   {}
func (r *Cleared) fields(*wire)    {}

func (r *Finished) fields(w *wire) {
	text(w, "state", &r.State)
	text(w, "reason", &r.Reason)
}

func (r *Snapshot) fields(w *wire)     { w.rest(r) }
func (r *SnapshotRest) fields(w *wire) { w.rest(r) }
