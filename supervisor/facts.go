package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
)

// fact notes what is to be recorded of a run.
func (b *brain) fact(id task.RunID, facts ...machine.Record) {
	b.facts = append(b.facts, facts...)
	b.pending[id] = true
}

// judge notes the end of a run.
func (b *brain) judge(e machine.Exit) {
	b.fact(e.RunID, b.machine.Judge(now(), e))
}

// learn reads the status of a run that a bell has told of.
func (b *brain) learn(id task.RunID) {
	s, err := client.ReadStatus(b.Dir, id)
	if err != nil {
		b.relist = true // whether the shim knows the run decides what that means
		return
	}
	b.believe(id, s)
}

// believe notes what of a status is news to the machine.
func (b *brain) believe(id task.RunID, s shim.Status) {
	run, known := b.machine.Run(id)
	switch {
	case b.pending[id]:
		b.relist = true // what is noted may be older
	case !known:
	case run.Live():
		b.believeLive(id, run, s)
	case run.Left > 0 && s.Left == 0 && b.isEmpty(id.Process):
		b.fact(id, machine.Emptied{RunID: id})
	}
}

func (b *brain) believeLive(id task.RunID, run machine.Run, s shim.Status) {
	if run.State == machine.Forked && s.StartedBoot != 0 {
		at := machine.Instant{Boot: s.StartedBoot, Wall: s.StartedWall}
		b.fact(id, machine.Started{RunID: id, Pid: s.Pid, Start: int64(s.Start), At: at})
	}
	if s.Ready && run.Ready == (machine.Instant{}) && s.StartedBoot != 0 {
		b.fact(id, machine.Ready{RunID: id})
	}
	if s.State == shim.Ended {
		e := b.exit(id, s)
		if b.mayStarve(id, &s) {
			b.blameMemory(&e)
		}
		delete(b.starved, id)
		if e.Left == 0 {
			e.Left = b.lingering(id)
		}
		ended := b.machine.Judge(now(), e)
		if ended.State == machine.RunFailed && e.Error == "" && !b.full {
			ended.Tail = b.tail(id, s)
		}
		b.fact(id, ended)
	}
}

// exit is what a final status says of a run's end.
func (b *brain) exit(id task.RunID, s shim.Status) machine.Exit {
	e := machine.Exit{
		RunID:   id,
		Signals: s.Signals,
		At:      machine.Instant{Boot: s.EndedBoot, Wall: s.EndedWall},
		Rusage:  machine.Rusage{User: s.UTime, System: s.STime, MaxRSS: s.MaxRSS},
		Left:    s.Left,
	}
	why := s.Error
	if why == "" {
		why, e.Lost = b.unstarted(id)
	}
	switch {
	case e.Lost != "":
	case why != "" && len(s.Signals) > 0: // what kept it from starting was most likely that
		e.Unspawned = true
	case s.Error != "" && saysNoRoom(s.Error):
		e.Lost = "there was no room to start it: " + brief(s.Error)
		b.becomeFull(errors.New(s.Error))
	case why != "":
		e.Error = brief(why)
	case s.Signal >= 0:
		e.Signal, e.Core = s.Signal, s.Core
	default:
		e.Exit = &s.Exit
	}
	return e
}

// brief is a sentence that may have come out of any length of a command's name.
func brief(sentence string) string {
	const most = 1 << 10
	sentence = strings.ToValidUTF8(sentence, "\ufffd")
	if len(sentence) <= most {
		return sentence
	}
	head, tail := sentence[:most/2], sentence[len(sentence)-most/2:]
	return strings.ToValidUTF8(head, "") + "…" + strings.ToValidUTF8(tail, "")
}

// lost notes that nothing is known of a run's end. What is said of it is true
// only when nothing of it lives any more.
func (b *brain) lost(id task.RunID, format string, args ...any) {
	b.judge(machine.Exit{RunID: id, Lost: fmt.Sprintf(format, args...), At: now()})
}

// status reads the status of a run; found is false if there is none.
func (b *brain) status(id task.RunID) (s shim.Status, found bool, err error) {
	s, err = client.ReadStatus(b.Dir, id)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	return s, err == nil, err
}
