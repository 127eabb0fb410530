// Package plain formats names and errors for a terminal, for the programs of this module. The name of a file
// may contain control sequences of the terminal, or look like another line of output.
package plain

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name returns name itself if it is printable, else quoted by [strconv.Quote].
func Name(name string) string {
	if safe := strconv.Quote(name); safe != `"`+name+`"` {
		return safe
	}
	return name
}

// Error returns the text of err with unprintable characters escaped. Joined errors have a line each.
func Error(err error) string {
	many, joined := err.(interface{ Unwrap() []error })
	if !joined {
		return line(err.Error())
	}
	var lines []string
	for _, err := range many.Unwrap() {
		lines = append(lines, Error(err))
	}
	return strings.Join(lines, "\n")
}

func line(text string) string {
	var safe strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if whole := r != utf8.RuneError || size > 1; whole && strconv.IsPrint(r) {
			safe.WriteString(text[:size])
		} else {
			escaped := strconv.Quote(text[:size])
			safe.WriteString(escaped[1 : len(escaped)-1])
		}
		text = text[size:]
	}
	return safe.String()
}
