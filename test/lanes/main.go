package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/dewarhq/dewar/test/programs"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == asUser {
		fmt.Fprintln(os.Stderr, becomeUser(os.Args[2:])) // it returns only if it failed
		os.Exit(111)
	}
	race := flag.Bool("race", true, "use the race detector")
	timeout := flag.String("timeout", "20m", "of each package's tests, as for go test")
	run := flag.String("run", "", "only tests that match, as for go test")
	flag.Parse()
	args := []string{"-count=1", "-timeout", *timeout}
	if *race {
		args = append(args, "-race")
	}
	if *run != "" {
		args = append(args, "-run", *run)
	}
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	ok, err := runLanes(args, packages)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lanes: %v\n", err)
		os.Exit(111)
	}
	if !ok {
		os.Exit(1)
	}
}

// runLanes runs every lane there can be, and says whether all is well.
func runLanes(args, packages []string) (ok bool, err error) {
	place, err := os.MkdirTemp("", "dewar-lanes-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	if err := os.Chmod(place, 0o755); err != nil {
		return false, err
	}
	lanes, err := prepare(place)
	if err != nil {
		return false, err
	}
	var results []Results
	for _, lane := range lanes {
		fmt.Printf("== lane %s (%s)\n", lane.name, lane.who)
		r, err := lane.run(os.Stdout, args, packages)
		if err != nil {
			return false, fmt.Errorf("lane %s: %w", lane.name, err)
		}
		results = append(results, r)
	}
	return report(os.Stdout, results), nil
}

// prepare builds the programs and makes the lanes, with their files in place.
func prepare(place string) ([]*lane, error) {
	tree, err := moduleDir()
	if err != nil {
		return nil, err
	}
	bin, built, err := binaries(place)
	if err != nil {
		return nil, err
	}
	env := []string{"DEWAR_BIN=" + bin}
	if os.Geteuid() != 0 {
		self := &lane{name: userLane, who: fmt.Sprintf("uid %d", os.Geteuid()), tree: tree, env: env, bin: built}
		return []*lane{self}, nil
	}
	root := &lane{name: rootLane, who: "uid 0", tree: tree, env: env, bin: built}
	ordinary, err := nobodyLane(place, tree, env)
	if err != nil {
		return nil, fmt.Errorf("prepare the lane of an ordinary user: %w", err)
	}
	ordinary.bin = built
	return []*lane{root, ordinary}, nil
}

// binaries answers where the programs are, and the same again if they were
// built now and not given.
func binaries(place string) (bin, built string, err error) {
	if given := os.Getenv("DEWAR_BIN"); given != "" {
		return given, "", nil
	}
	bin = filepath.Join(place, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", "", err
	}
	return bin, bin, programs.Build(bin)
}

func nobodyLane(place, tree string, env []string) (*lane, error) {
	name := os.Getenv("DEWAR_LANE_USER")
	if name == "" {
		name = "nobody"
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	if !openToAll(tree) {
		copied := filepath.Join(place, "tree")
		if err := copyTree(tree, copied); err != nil {
			return nil, fmt.Errorf("copy the work tree, which %s cannot reach: %w", name, err)
		}
		tree = copied
	}
	d := descent{User: u.Username, Home: filepath.Join(place, "u")}
	if err := d.setIDs(u.Uid, u.Gid); err != nil {
		return nil, err
	}
	if err := d.makeHome(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &lane{
		name: userLane, who: fmt.Sprintf("uid %d, %s", d.UID, name), tree: tree, env: env,
		exec: strings.Join(append([]string{quote(self)}, d.args()...), " "),
	}, nil
}

func moduleDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the module: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("there is no Go module here")
	}
	return filepath.Dir(mod), nil
}

// quote makes s one word of go test's -exec.
func quote(s string) string { return "'" + s + "'" }
