package main

import (
	"fmt"
	"io"
	"strings"
)

const (
	rowLen = 16
	shown  = 8 * rowLen // How many bytes at the start, and around what was written, are shown.
)

// show prints the first bytes of data, and the rows that were written if they lie behind these.
func (j job) show(out io.Writer, data []byte) {
	fmt.Fprintln(out)
	dump(out, data, 0, shown)
	if written := int(j.at) / rowLen * rowLen; j.text != "" && int(j.at)+len(j.text) > shown {
		from := max(written, shown)
		if from > shown {
			fmt.Fprintln(out, "          ...")
		}
		dump(out, data, from, min(int(j.at)+len(j.text), from+shown))
	}
	fmt.Fprintln(out)
}

// dump prints the rows of data from offset from, a multiple of rowLen, up to the one that holds
// byte to-1, as `hexdump -C` does.
func dump(out io.Writer, data []byte, from, to int) {
	for ; from < min(to, len(data)); from += rowLen {
		row := data[from:min(from+rowLen, len(data))]
		left, right := row[:min(len(row), rowLen/2)], row[min(len(row), rowLen/2):]
		numbers := fmt.Sprintf("% x  % x", left, right)
		fmt.Fprintf(out, "%08x  %-*s  |%s|\n", from, 3*rowLen, numbers, strings.Map(printable, string(latin(row))))
	}
}

// latin gives each byte a character of its own, whatever UTF-8 makes of them together.
func latin(row []byte) []rune {
	text := make([]rune, len(row))
	for i, b := range row {
		text[i] = rune(b)
	}
	return text
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '.'
	}
	return r
}
