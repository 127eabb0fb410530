// Package plain has how names and errors are shown on a terminal, for the programs of this module: whoever made a file may
// have given it a name that a terminal obeys, or that looks like a line of somebody else's.
package plain

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name is name itself where that shows what it is, and else as [strconv.Quote] has it.
func Name(name string) string {
	if safe := strconv.Quote(name); safe != `"`+name+`"` {
		return safe
	}
	return name
}

// Error is what err says, with what isn't printable escaped. Errors that were joined have a line each.
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
