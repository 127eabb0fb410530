package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// A screen is the output: a terminal, a file or a pipe.
type screen struct{ out *os.File }

// terminalWidth returns the columns of the terminal, 0 if the output is not a terminal.
func (s screen) terminalWidth() int {
	var window struct{ rows, columns, x, y uint16 }
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, s.out.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&window)))
	switch {
	case errno != 0:
		return 0
	case window.columns == 0: // The terminal does not report its size.
		return 80
	}
	return int(window.columns)
}

func (s screen) width() int {
	if columns := s.terminalWidth(); columns > 0 {
		return columns
	}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// cells returns the characters for a part, from none of it in memory to all of it.
func cells() []string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" { // The first that is set counts (locale(7)).
			if strings.HasSuffix(locale, "utf-8") || strings.HasSuffix(locale, "utf8") {
				return []string{"·", "░", "▒", "▓", "█"}
			}
			break
		}
	}
	return []string{".", "+", "+", "+", "#"}
}

// cell returns the character for a part of which there of all is in memory: the first only for none, the last only for all.
func cell(cells []string, there, all int64) string {
	if there == all {
		return cells[len(cells)-1]
	}
	if there == 0 {
		return cells[0]
	}
	between := float64(len(cells) - 2)
	return cells[1+int(between*float64(there)/float64(all))]
}

// show draws which parts of the file are in memory, after the label.
func (s screen) show(f file, label string) error {
	if label != "" {
		label = fmt.Sprintf("%-8s", label)
	}
	room := max(s.width()-len(label)-len("[]"), 1)
	parts, err := f.parts(int64(room))
	if err != nil {
		return err
	}
	var bar strings.Builder
	for cells, i := cells(), 0; i < len(parts); i++ {
		bar.WriteString(cell(cells, parts[i].resident, parts[i].pages))
	}
	all := sum(parts)
	_, err = fmt.Fprintf(s.out, "%s[%s]\n%*s%s\n", label, bar.String(), len(label), "", residents(all, f.m.Len()))
	return err
}

func residents(all part, length int64) string {
	percent := 100.0
	if all.pages > 0 {
		percent *= float64(all.resident) / float64(all.pages)
	}
	bytes := min(all.resident*pageSize, length) // The last page may reach behind the file.
	return fmt.Sprintf("%d of %d pages in memory, %s of %s (%.1f%%)", all.resident, all.pages, size(bytes), size(length),
		percent)
}

// progressWidth returns the width of the progress in columns: 0, for none, if the output is not a terminal or TERM is dumb.
func (s screen) progressWidth() int {
	if os.Getenv("TERM") == "dumb" {
		return 0
	}
	return s.terminalWidth()
}

// progress draws how much of all is done, over what it drew before.
func (s screen) progress(label string, done, all int64) {
	width := s.progressWidth()
	if width == 0 {
		return
	}
	head := fmt.Sprintf("%-8s", label)
	tail := fmt.Sprintf(" %3d%% %s", int(100*float64(done)/float64(max(all, 1))), size(done))
	room := int64(width - len(head) - len(tail) - len("[]") - 1)
	if room < 1 {
		head, tail, room = "", "", int64(max(width-len("[]")-1, 1))
	}
	full := int64(float64(room) * float64(done) / float64(max(all, 1)))
	cells := cells()
	fmt.Fprintf(s.out, "\r\x1b[K%s[%s%s]%s", head, strings.Repeat(cells[len(cells)-1], int(full)),
		strings.Repeat(cells[0], int(room-full)), tail)
}

// wipe removes the progress.
func (s screen) wipe() {
	if s.progressWidth() > 0 {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}
