package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// aurora are its defaults: initial_interval_secs 15, interval_secs 10, no failure
// borne, one success needed.
var aurora = Rule{Forgiving: 2, MaxFailures: 0, MinSuccesses: 1, MaxDoubts: 10, DoubtsFor: int64(5 * time.Minute)}

// letters are how a transcript spells answers, and what it says of the target.
var (
	letters  = map[rune]Outcome{'o': OK, 'f': Fail, 'i': Inconclusive, 'm': Misconfigured, 'z': Snoozed}
	verdicts = map[Verdict]byte{Starting: '.', Healthy: 'H', Unhealthy: 'U'}
)

// run judges the answers of a transcript, 10 s apart, and answers what was said
// of the target after each, and why it was unhealthy at first.
func run(r Rule, answers string) (said, why string, end State) {
	for i, letter := range answers {
		var sentence string
		end, sentence = r.Judge(end, letters[letter], int64(i)*int64(10*time.Second))
		if why == "" {
			why = sentence
		}
		said += string(verdicts[end.Verdict])
	}
	return said, why, end
}

func TestJudge(t *testing.T) {
	lenient := aurora
	lenient.MaxFailures = 2
	slow := Rule{Forgiving: 1, MaxFailures: 1, MinSuccesses: 3, MaxDoubts: 2, DoubtsFor: int64(20 * time.Second)}
	strict := Rule{MinSuccesses: 1, MaxDoubts: 1}
	for name, c := range map[string]struct {
		rule          Rule
		answers, said string
		why           string
	}{
		"healthy at once":                               {aurora, "oo", "HH", ""},
		"failures at first are ignored":                 {aurora, "ffo", "..H", ""},
		"never healthy":                                 {aurora, "fff", "..U", "it failed, and no failure is borne"},
		"a failure at first, of one that was healthy":   {aurora, "ofo", "HHH", ""},
		"one failure too many":                          {aurora, "ooof", "HHHU", "it failed"},
		"two failures are borne":                        {lenient, "ooofffo", "HHHHHUH", "it failed 3 times in a row"},
		"a success interrupts":                          {lenient, "oooffoff", "HHHHHHHH", ""},
		"no forgiveness":                                {strict, "f", "U", "it failed"},
		"in a row":                                      {slow, "fooo", "...H", ""},
		"the row begins again":                          {slow, "ofooo", "....H", ""},
		"too few attempts are left":                     {slow, "foof", "...U", "3 in a row are needed, and of 5 attempts 1 remain"},
		"snoozed answers change nothing":                {aurora, "zzzzffzzoz", "........HH", ""},
		"snoozing does not make healthy":                {aurora, "zzzzz", ".....", ""},
		"doubts consume no attempt":                     {aurora, "iiffo", "....H", ""},
		"doubts interrupt no failures":                  {lenient, "ooofifif", "HHHHHHHU", "3 times"},
		"too many doubts, but not for long enough":      {slow, "oooii", "..HHH", ""},
		"too many doubts for too long":                  {slow, "oooiiii", "..HHHHU", "2 times"},
		"an ok ends doubts":                             {slow, "oooiioiio", "..HHHHHHH", ""},
		"misconfigured":                                 {aurora, "m", "U", "trying again does not help"},
		"misconfigured later":                           {lenient, "oom", "HHU", "trying again"},
		"what is unhealthy becomes healthy again, late": {slow, "oooffooo", "..HHUUUH", "2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			said, why, _ := run(c.rule, c.answers[:min(len(c.answers), max(len(c.said), 1))])
			if said != c.said || !strings.Contains(why, c.why) || c.why == "" && why != "" {
				t.Errorf("%s: it said %s (%s), want %s (%s)", c.answers, said, why, c.said, c.why)
			}
		})
	}
}

// A target that hangs is unhealthy in the end though it can never be asked: after
// ten doubts, and not before five minutes.
func TestDoubtsEnd(t *testing.T) {
	s := State{Verdict: Healthy, Attempts: aurora.Attempts(), Successes: 1}
	for i := range 40 {
		var why string
		s, why = aurora.Judge(s, Inconclusive, int64(i)*int64(10*time.Second))
		if late := i >= 30; (s.Verdict == Unhealthy) != late || late != (why != "" || i > 30) {
			t.Fatalf("after %d answers, %d s: %+v, %q", i+1, i*10, s, why)
		}
	}
}

// model is judging as the specification has it, from all answers so far.
func model(r Rule, answers []Outcome) Verdict {
	v, attempts := Starting, 0
	var row, bad int
	for _, o := range answers {
		switch o {
		case Misconfigured:
			v = Unhealthy
			continue
		case OK:
			attempts++
			row, bad = row+1, 0
			if row >= r.MinSuccesses {
				v = Healthy
			}
		case Fail:
			attempts++
			row = 0
			if attempts > r.Forgiving {
				if bad++; bad > r.MaxFailures {
					v = Unhealthy
				}
			} else {
				continue
			}
		default:
			continue
		}
		if v == Starting && r.MinSuccesses-row > r.Attempts()-attempts {
			v = Unhealthy
		}
	}
	return v
}

func TestJudgeIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rule{
			Forgiving:    rapid.IntRange(0, 4).Draw(t, "forgiving"),
			MaxFailures:  rapid.IntRange(0, 3).Draw(t, "failures"),
			MinSuccesses: rapid.IntRange(1, 3).Draw(t, "successes"),
			MaxDoubts:    1000, DoubtsFor: 1,
		}
		answers := rapid.SliceOfN(rapid.SampledFrom([]Outcome{OK, OK, Fail, Fail, Inconclusive, Snoozed, Misconfigured}), 0, 30).Draw(t, "answers")
		var s State
		for i, o := range answers {
			was := s
			var why string
			s, why = r.Judge(s, o, int64(i))
			if want := model(r, answers[:i+1]); s.Verdict != want {
				t.Fatalf("%+v, %v: %q, want %q", r, answers[:i+1], s.Verdict, want)
			}
			if (why != "") != (s.Verdict == Unhealthy && was.Verdict != Unhealthy) {
				t.Fatalf("%v: %+v after %+v says %q", answers[:i+1], s, was, why)
			}
			if (o == Snoozed) && s != was {
				t.Fatalf("%s changed %+v to %+v", o, was, s)
			}
			if s.Attempts > r.Attempts() || s.Successes > r.MinSuccesses {
				t.Fatalf("counted beyond what matters: %+v", s)
			}
		}
	})
}

func ExampleRule_Judge() {
	s, why := aurora.Judge(State{Verdict: Healthy, Attempts: 3, Successes: 1}, Fail, 0)
	fmt.Println(s.Verdict, why)
	// Output: unhealthy it failed, and no failure is borne
}
