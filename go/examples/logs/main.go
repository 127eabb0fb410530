// Logs counts the lines of a log that contain a word.
//
//	logs FILE < words
//
// It prints a line for each word, one a line, after reading all of them. It is a program written for mmap-go;
// only the import differs.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"

	"libmemmap/memmap/compat/mmapgo"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: logs FILE < words")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "logs:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	log, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return err
	}
	fmt.Println(len(log), "bytes")
	var report bytes.Buffer
	words := bufio.NewScanner(os.Stdin)
	for words.Scan() {
		fmt.Fprintln(&report, words.Text(), count(log, words.Bytes()))
	}
	if err := log.Unmap(); err != nil {
		return err // The counts may be wrong.
	}
	fmt.Print(report.String())
	return words.Err()
}

// count returns how many lines of log contain word.
func count(log, word []byte) int {
	n := 0
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, word) {
			n++
		}
	}
	return n
}
