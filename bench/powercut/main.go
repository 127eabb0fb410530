// Powercut is the programs in Go whose power tests/durability/powercut cuts: powercut PROGRAM FOLDER MARKS ROUNDS.
// They work on files in the folder, and write to the file of marks what they were promised; see
// tests/durability/powercut/promises.rs.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// A stage is what a program has.
type stage struct {
	folder string
	marks  *os.File
	rounds int
}

var programs = map[string]func(*stage) error{
	"go-append":        appendRecords,
	"go-write-to-mmap": writeToMmap,
	"guide-create":     func(s *stage) error { return create(s, createByGuide) },
	"guide-write":      func(s *stage) error { return write(s, openByGuide) },
	"guide-grow":       func(s *stage) error { return grow(s, openByGuide) },
	"mmap-go-create":   func(s *stage) error { return create(s, createByMmapGo) },
	"mmap-go-write":    func(s *stage) error { return write(s, openByMmapGo) },
	"mmap-go-grow":     func(s *stage) error { return grow(s, openByMmapGo) },
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("usage: powercut PROGRAM FOLDER MARKS ROUNDS")
	}
	program, known := programs[arguments[0]]
	if !known {
		return fmt.Errorf("no program is called %q", arguments[0])
	}
	rounds, err := strconv.Atoi(arguments[3])
	if err != nil {
		return err
	}
	marks, err := os.OpenFile(arguments[2], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer marks.Close()
	return program(&stage{arguments[1], marks, rounds})
}

func (s *stage) path(name string) string { return filepath.Join(s.folder, name) }

// mark is in the log of the disk when it returns.
func (s *stage) mark(format string, words ...any) error {
	_, err := fmt.Fprintf(s.marks, format, words...)
	return err
}

// record is what is written in a round.
func record(round, length int) []byte {
	return bytes.Repeat([]byte{byte(round%251 + 1)}, length)
}

// made makes a file that is durable by all means, for programs of which only what comes after is judged.
func (s *stage) made(name string, size int64) error {
	file, err := os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	folder, err := os.Open(s.folder)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := file.Truncate(size); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := folder.Sync(); err != nil {
		return err
	}
	return s.mark("exists %s %d 644", name, size)
}
