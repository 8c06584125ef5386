package task

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5":        5 * time.Second,
		"0":        0,
		"0.25":     250 * time.Millisecond,
		"2.5":      2500 * time.Millisecond,
		"0.1":      100 * time.Millisecond,
		"1e3":      1000 * time.Second,
		"250ms":    250 * time.Millisecond,
		"2m":       2 * time.Minute,
		"1h30m":    90 * time.Minute,
		"-3":       -3 * time.Second,
		"10µs":     10 * time.Microsecond,
		"9000000s": 9000000 * time.Second,
	} {
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "5 m", "m", "1d", "nan", "true", "1e300", "9223372037", "inf", "1..2", "--1"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v; want an error", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1048576": 1 << 20, "10B": 10, "512KB": 512 << 10, "128MB": 128 << 20, "128 MB": 128 << 20,
		"1.5GB": 3 << 29, "2TB": 2 << 40, "128MiB": 128 << 20, "1e3": 1000, "-1MB": -1 << 20,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "MB", "1XB", "1.5", "128M", "9223372036854775808", "9999999TB", "1e30", "inf", "NaN"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d; want an error", text, got)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]Signal{
		"TERM": "TERM", "SIGTERM": "TERM", "term": "TERM", "sigusr1": "USR1", "15": "TERM", "9": "KILL",
		"34": "RTMIN", "37": "RTMIN+3", "SIGRTMIN+3": "RTMIN+3", "RTMIN+0": "RTMIN", "RTMIN+30": "RTMIN+30",
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("ParseSignal(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "32", "65", "-1", "TREM", "SIG", "RTMIN+31", "RTMIN-1", "RTMIN+x", "RTMIN+"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("ParseSignal(%q) = %q; want an error", text, got)
		}
	}
	if _, err := ParseSignal("SIGTREM"); err == nil || !strings.Contains(err.Error(), `did you mean "TERM"?`) {
		t.Errorf("ParseSignal(SIGTREM): %v; want a suggestion", err)
	}
	for n := 1; n <= 64; n++ {
		if s := SignalName(n); (s == "") != (n == 32 || n == 33) || s != "" && s.Number() != n {
			t.Errorf("SignalName(%d) = %q, whose number is %d", n, s, s.Number())
		}
	}
}

func TestUnitsInJSON(t *testing.T) {
	var got struct {
		D1, D2 Duration
		S1, S2 Size
		G1, G2 Signal
	}
	text := `{"D1": 1.5, "D2": "2m", "S1": 42, "S2": "1KB", "G1": 15, "G2": "SIGHUP"}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"D1":"1.5s","D2":"2m","S1":42,"S2":1024,"G1":"TERM","G2":"HUP"}`; string(out) != want {
		t.Errorf("written as %s, want %s", out, want)
	}
	for _, bad := range []string{`{"D1": true}`, `{"D1": null}`, `{"S1": []}`, `{"G1": {}}`, `{"D1": "x"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64().Draw(t, "duration"))
		if got, err := ParseDuration(d.String()); err != nil || got != d {
			t.Errorf("duration %d is written %q and read as %d, %v", d, d, got, err)
		}
		s := Size(rapid.Int64().Draw(t, "size"))
		if got, err := ParseSize(s.String()); err != nil || got != s {
			t.Errorf("size %d is written %q and read as %d, %v", s, s, got, err)
		}
	})
}
