package doctor

// State says whether a fact is well.
type State string

const (
	OK   State = "ok"
	Warn State = "warn" // something will not work; tasks are contained all the same
	Bad  State = "bad"  // a task could not be started or contained here
)

// Fact is one thing about this machine.
type Fact struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Said   string `json:"said"`             // a clause: what there is, or is not
	Remedy string `json:"remedy,omitempty"` // what to do about it
}

func ok(name, said string) Fact           { return Fact{name, OK, said, ""} }
func warn(name, said, remedy string) Fact { return Fact{name, Warn, said, remedy} }
func bad(name, said, remedy string) Fact  { return Fact{name, Bad, said, remedy} }

// Sick says that a task could not be started or contained.
func Sick(facts []Fact) bool {
	for _, f := range facts {
		if f.State == Bad {
			return true
		}
	}
	return false
}

// Options are what is not the machine's.
type Options struct {
	Root     string   // of the tasks
	Programs Programs // Dewar's own
	Version  string   // of this program
}

// Look asks for everything.
func Look(o Options) []Fact {
	var all []Fact
	all = append(all, groups()...)
	all = append(all, kernel()...)
	all = append(all, limits()...)
	all = append(all, clock())
	all = append(all, o.Programs.facts(o.Version)...)
	return append(all, place(o.Root)...)
}
