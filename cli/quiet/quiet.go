package quiet

import "os"

const name = "CI"

var before, was = set()

func set() (string, bool) {
	before, was := os.LookupEnv(name)
	if err := os.Setenv(name, "dewar"); err != nil {
		panic(err) // the name is a constant without '=' and NUL: it cannot be refused
	}
	return before, was
}

// Restore gives the environment back as it was. It is called first of all,
// before anything reads the environment.
func Restore() {
	if was {
		if err := os.Setenv(name, before); err != nil {
			panic(err) // it came from the environment
		}
		return
	}
	if err := os.Unsetenv(name); err != nil {
		panic(err)
	}
}
