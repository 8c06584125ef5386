package task

import "strconv"

// Nearest is the candidate that a person who wrote word most likely meant, or
// "" if none is near: at most a third of the letters may differ. Of equally
// near ones the first wins. It is meant for sentences, so it gives up on words
// longer than a line.
func Nearest(word string, candidates []string) string {
	const line = 80
	best, distance := "", max(1, len(word)/3)+1
	if len(word) > line {
		return ""
	}
	for _, c := range candidates {
		if len(c) > line || abs(len(c)-len(word)) >= distance {
			continue
		}
		if d := editDistance(word, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment), case ignored.
func editDistance(a, b string) int {
	prior, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && differ(a[i-1], b[j-2])+differ(a[i-2], b[j-1]) == 0 {
				row[j] = min(row[j], prior[j-2]+1)
			}
		}
		prior, last, row = last, row, prior
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if lower(a) == lower(b) {
		return 0
	}
	return 1
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// didYouMean ends a sentence with a suggestion, if there is one.
func didYouMean(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" && n != word {
		return "; did you mean " + Quote(n) + "?"
	}
	return ""
}

// Quote puts text into double quotes for a sentence. What does not fit there is
// cut out of its middle.
func Quote(text string) string {
	const most = 120
	if len(text) <= most {
		return strconv.Quote(text)
	}
	head, tail := []rune(text[:2*most/3]), []rune(text[len(text)-most/4:])
	return strconv.Quote(string(head[:len(head)-1]) + "…" + string(tail[1:]))
}
