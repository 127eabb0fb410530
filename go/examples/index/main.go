// Index looks up keys in an index that is mapped, with many goroutines. An index is a file of records of 16
// bytes, a key and a value, both little-endian and 8 bytes long, sorted by key.
//
//	index FILE < keys
//
// For each key, one a line, it prints a line with the key and its value. It is a program written for
// x/exp/mmap; only the import differs.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"

	"libmemmap/memmap/compat/expmmap"
)

const recordSize = 16

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: index FILE < keys")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "index:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	index, err := mmap.Open(path)
	if err != nil {
		return err
	}
	defer index.Close()
	keys := make(chan string)
	errs := make([]error, 8)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for key := range keys {
				errs[i] = errors.Join(errs[i], printValue(index, key))
			}
		}()
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		keys <- lines.Text()
	}
	close(keys)
	workers.Wait()
	return errors.Join(append(errs, lines.Err())...)
}

func printValue(index *mmap.ReaderAt, text string) error {
	key, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return err
	}
	value, found, err := lookUp(index, key)
	switch {
	case err != nil:
		return fmt.Errorf("%d: %w", key, err)
	case !found:
		fmt.Println(key, "is not there")
	default:
		fmt.Println(key, value)
	}
	return nil
}

func lookUp(index *mmap.ReaderAt, key uint64) (value uint64, found bool, err error) {
	records := index.Len() / recordSize
	at := sort.Search(records, func(i int) bool {
		var record [recordSize]byte
		if _, failure := index.ReadAt(record[:], int64(i)*recordSize); failure != nil {
			err = failure
			return true
		}
		here := binary.LittleEndian.Uint64(record[:])
		if here == key {
			value, found = binary.LittleEndian.Uint64(record[8:]), true
		}
		return here >= key
	})
	return value, found && at < records, err
}
