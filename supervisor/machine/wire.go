package machine

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/dewarhq/dewar/task"
)

// wire writes or reads the fields of a record in one fixed order, so that each
// record lists its fields once, for both ways (fields.go). Reading knows no
// JSON but what writing makes; where it meets anything else it turns bad, and
// encoding/json has the word.
type wire struct {
	reading bool
	b       []byte
	i       int // reading: the next byte
	bad     bool
}

// open and close are the braces of an object.
func (w *wire) open() { w.token('{') }

func (w *wire) close() { w.token('}') }

func (w *wire) token(c byte) {
	if !w.reading {
		w.b = append(w.b, c)
		return
	}
	if !w.next(c) {
		w.bad = true
	}
}

func (w *wire) next(c byte) bool {
	if w.i < len(w.b) && w.b[w.i] == c {
		w.i++
		return true
	}
	return false
}

// name writes a field's name, with a comma unless it is the first of its
// object; reading, it says whether that is what comes next.
func (w *wire) name(name string) bool {
	if !w.reading {
		if w.b[len(w.b)-1] != '{' {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '"')
		w.b = append(w.b, name...)
		w.b = append(w.b, '"', ':')
		return true
	}
	i := w.i
	if i > 0 && w.b[i-1] != '{' {
		if i == len(w.b) || w.b[i] != ',' {
			return false
		}
		i++
	}
	end := i + len(name) + 3
	if end > len(w.b) || w.b[i] != '"' || string(w.b[i+1:end-2]) != name || w.b[end-2] != '"' || w.b[end-1] != ':' {
		return false
	}
	w.i = end
	return true
}

// must is name for a field that is always there.
func (w *wire) must(name string) {
	if !w.bad && !w.name(name) {
		w.bad = true
	}
}

// may is name for a field that is left out when it is empty.
func (w *wire) may(name string, empty bool) bool {
	if w.bad || !w.reading && empty {
		return false
	}
	return w.name(name)
}

func (w *wire) int64(name string, v *int64) {
	w.must(name)
	w.number(v)
}

func (w *wire) int(name string, v *int) {
	w.must(name)
	w.smaller(v)
}

func (w *wire) optInt(name string, v *int) {
	if w.may(name, *v == 0) {
		w.smaller(v)
	}
}

func (w *wire) optInt64(name string, v *int64) {
	if w.may(name, *v == 0) {
		w.number(v)
	}
}

func (w *wire) smaller(v *int) {
	n := int64(*v)
	w.number(&n)
	*v = int(n)
}

func (w *wire) number(v *int64) {
	if w.bad {
		return
	}
	if !w.reading {
		w.b = strconv.AppendInt(w.b, *v, 10)
		return
	}
	minus := w.next('-')
	from, n := w.i, uint64(0)
	for w.i < len(w.b) && w.b[w.i]-'0' <= 9 && w.i-from < 19 {
		n = n*10 + uint64(w.b[w.i]-'0')
		w.i++
	}
	if digits := w.i - from; digits == 0 || digits > 1 && w.b[from] == '0' || n > math.MaxInt64 {
		w.bad = true
		return
	}
	*v = int64(n)
	if minus {
		*v = -*v
	}
}

// optBool is written when it is true.
func (w *wire) optBool(name string, v *bool) {
	if w.may(name, !*v) {
		w.literal("true")
		*v = true
	}
}

func (w *wire) literal(text string) {
	if !w.reading {
		w.b = append(w.b, text...)
		return
	}
	if !bytes.HasPrefix(w.b[w.i:], []byte(text)) {
		w.bad = true
		return
	}
	w.i += len(text)
}

func (w *wire) optString(name string, v *string) {
	if w.may(name, *v == "") {
		w.text(v)
	}
}

// text writes or reads a string, whatever type it is of.
func text[T ~string](w *wire, name string, v *T) {
	w.must(name)
	s := string(*v)
	w.text(&s)
	*v = T(s)
}

func (w *wire) text(v *string) {
	if w.bad {
		return
	}
	if !w.reading {
		w.b = appendString(w.b, *v)
		return
	}
	if !w.next('"') {
		w.bad = true
		return
	}
	n := bytes.IndexByte(w.b[w.i:], '"')
	if n < 0 {
		w.bad = true
		return
	}
	if s := w.b[w.i : w.i+n]; plain(s) {
		*v = string(s)
		w.i += n + 1
		return
	}
	w.escaped(v)
}

// plain says that a string's bytes are the string.
func plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// escaped reads a string with escapes or with more than ASCII. It leaves \u to
// encoding/json.
func (w *wire) escaped(v *string) {
	s := make([]byte, 0, 64)
	for ; w.i < len(w.b) && w.b[w.i] != '"'; w.i++ {
		c := w.b[w.i]
		if c == '\\' {
			if w.i++; w.i == len(w.b) {
				break
			}
			if c = unescape(w.b[w.i]); c == 0 {
				break
			}
		} else if c < ' ' {
			break
		}
		s = append(s, c)
	}
	if !w.next('"') || !utf8.Valid(s) {
		w.bad = true
		return
	}
	*v = string(s)
}

// unescape is the byte that a letter after a backslash stands for, 0 for none.
func unescape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return 0
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r < utf8.RuneSelf:
			b = append(b, s[i])
		default:
			b = utf8.AppendRune(b, r) // U+FFFD for what is not UTF-8
		}
	}
	return append(b, '"')
}

// optExit is a number that may be absent, which is not 0.
func (w *wire) optExit(name string, v **int) {
	if !w.may(name, *v == nil) {
		return
	}
	if w.reading {
		*v = new(int)
	}
	w.smaller(*v)
}

// signal is a signal's name. Reading, only the one canonical spelling will do.
func (w *wire) signal(name string, v *task.Signal) {
	text(w, name, v)
	if w.reading && (v.Number() == 0 || (*v)[0] == 'R') {
		w.bad = true
	}
}

// duration is written as task.Duration writes itself.
func (w *wire) duration(name string, v *task.Duration) {
	s := v.String()
	text(w, name, &s)
	if w.reading && !w.bad {
		d, err := task.ParseDuration(s)
		w.bad, *v = err != nil, d
	}
}

func (w *wire) instant(name string, v *Instant) {
	w.must(name)
	if !w.bad {
		w.open()
		w.int64("boot", &v.Boot)
		w.int64("wall", &v.Wall)
		w.close()
	}
}

// rest is the JSON of a record that is too large to be worth a list of fields
// here; encoding/json reads it.
func (w *wire) rest(v any) {
	if w.reading {
		w.bad = true
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic("machine: a snapshot that is no JSON: " + err.Error()) // no value of these types can
	}
	w.b = append(append(w.b, ','), data[1:len(data)-1]...)
}
