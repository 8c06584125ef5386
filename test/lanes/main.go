package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/test/programs"
)

// options are what was asked for on the command line.
type options struct {
	race     bool
	once     bool   // what failed is not run once more
	timeout  string // of a package
	guest    string // of a guest as a whole
	run      string
	lanes    []string // empty: all
	packages []string
}

// goTest are go test's flags.
func (o options) goTest() []string {
	args := []string{"-count=1", "-timeout", o.timeout}
	if o.race {
		args = append(args, "-race")
	}
	if o.run != "" {
		args = append(args, "-run", o.run)
	}
	return args
}

func (o options) wants(lane string) bool {
	return len(o.lanes) == 0 || slices.Contains(o.lanes, lane)
}

func main() {
	if step := steps[strings.Join(os.Args[1:min(2, len(os.Args))], "")]; step != nil {
		status, err := step(os.Args[2:])
		if err != nil {
			fmt.Fprintf(os.Stderr, "lanes %s: %v\n", os.Args[1], err)
			os.Exit(111)
		}
		os.Exit(status)
	}
	var o options
	flag.BoolVar(&o.race, "race", true, "use the race detector (not in guests: too slow)")
	flag.BoolVar(&o.once, "once", false, "run nothing once more that failed")
	flag.StringVar(&o.guest, "guest", guestWithin, "of a guest as a whole; with another than that, -timeout is of packages in guests too")
	flag.StringVar(&o.timeout, "timeout", "20m", "of each package's tests, as for go test")
	flag.StringVar(&o.run, "run", "", "only tests that match, as for go test")
	only := flag.String("lanes", "", "only these lanes, separated by commas; whether a test ran in none is then not judged")
	flag.Parse()
	o.lanes = strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	if o.packages = flag.Args(); len(o.packages) == 0 {
		o.packages = []string{"./..."}
	}
	ok, err := runLanes(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lanes: %v\n", err)
		os.Exit(111)
	}
	if !ok {
		os.Exit(1)
	}
}

// runLanes runs every lane there can be, and says whether all is well.
func runLanes(o options) (ok bool, err error) {
	place, err := os.MkdirTemp("", "dewar-lanes-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	if err := os.Chmod(place, 0o755); err != nil {
		return false, err
	}
	lanes, absent, err := prepare(place, o)
	if err != nil {
		return false, err
	}
	var results []Results
	for _, lane := range lanes {
		fmt.Printf("== lane %s (%s)\n", lane.name, lane.who)
		begun := time.Now()
		r, err := lane.run(os.Stdout, o)
		if err != nil {
			return false, fmt.Errorf("lane %s: %w", lane.name, err)
		}
		fmt.Printf("== lane %s took %.0f s\n", lane.name, time.Since(begun).Seconds())
		results = append(results, r)
	}
	absent.some = len(o.lanes) > 0
	return report(os.Stdout, results, absent), nil
}

// prepare builds the programs and makes the lanes, with their files in place.
func prepare(place string, o options) (lanes []*lane, absent absent, err error) {
	tree, err := moduleDir()
	if err != nil {
		return nil, absent, err
	}
	bin, built, err := binaries(place)
	if err != nil {
		return nil, absent, err
	}
	env := []string{"DEWAR_BIN=" + bin}
	if os.Geteuid() != 0 {
		self := &lane{name: userLane, who: fmt.Sprintf("uid %d", os.Geteuid()), tree: tree, env: env, bin: built}
		absent.root, absent.guests = true, errors.New("they take root")
		return []*lane{self}, absent, nil
	}
	root := &lane{name: rootLane, who: "uid 0", tree: tree, env: env, bin: built}
	ordinary, err := nobodyLane(place, tree, env)
	if err != nil {
		return nil, absent, fmt.Errorf("prepare the lane of an ordinary user: %w", err)
	}
	ordinary.bin = built
	for _, l := range []*lane{root, ordinary} {
		if o.wants(l.name) {
			lanes = append(lanes, l)
		}
	}
	seeing, err := viewLanes(place, bin, tree, o)
	if err != nil {
		return nil, absent, fmt.Errorf("prepare the views: %w", err)
	}
	lanes = append(lanes, seeing...)
	// a guest's user can read what the ordinary user can
	more, reason, err := guestLanes(place, bin, ordinary.tree, o)
	if err != nil {
		return nil, absent, fmt.Errorf("prepare the guests: %w", err)
	}
	absent.guests = reason
	return append(lanes, more...), absent, nil
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
