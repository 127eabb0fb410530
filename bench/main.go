// Bench measures libmemmap beside what people would use instead, in one run, and prints one table.
//
// It leaves them in RESULTS.md and results.svg too. A ratio says how many times as fast ours is: theirs
// divided by ours, the median of 11 rounds, or more, in which the two take turns.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libmemmap/memmap"
)

func main() {
	testing.Init()
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	// Below the working directory, since what is flushed has to reach a disk: /tmp may be memory.
	folder, err := os.MkdirTemp(".", "files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := rememberHandlers(); err != nil {
		return err
	}
	where := machine(folder)
	fmt.Printf("%s\n\n", where)
	printHead()
	var results report
	for _, prepare := range []func(string) (pair, error){
		// Mapping and unmapping.
		guideMapUnmap, cOpenClose, memmap2OpenClose, mmapgoMapUnmap,
		// Reaching the bytes.
		cPinUnpin, goView, goReadAt, osFileReadAt, expmmapReadAt(64, 1/1.5), expmmapReadAt(64<<10, 1/1.05),
		readAtByTwo, copyByTwo, hotSum,
		// Flushing.
		goWriteFlush, mmapgoFlush,
		// Searching.
		findAgainstGo, findAgainstGlibc, findAgainstReading, pythonFind, findLastAgainstGo, pythonFindLast, backwardsShort, backwardsLong,
		// Growing and filling.
		appendOnDisk, appendInMemory, firstTouch,
		freshCopy(memmap.Prefault, ", prefault"), freshCopy(0, ", without prefault"),
		// Cold files.
		coldRandom, coldScan,
		// Sharing between processes.
		cellByHand, cellMmapSync, lockUnlock, wakeWait,
	} {
		p, err := prepare(folder)
		if err != nil {
			return err
		}
		if err := results.add(p); err != nil {
			return err
		}
	}
	// The few mappings before the many: the library keeps room for the most that there ever were, and the
	// guard looks through it.
	for _, rows := range []func(string, *report) error{
		readerRows, guardRows, faultsAmong(10, 1.0/3), faultsAmong(1_000, 1.0/3), crowded, faultsAmong(60_000, 1.0/30),
	} {
		if err := rows(folder, &results); err != nil {
			return err
		}
	}
	return results.write(where)
}

// newFile makes a file of size bytes, none of them a hole.
func newFile(folder, name string, size int) (string, error) {
	path := filepath.Join(folder, name)
	return path, os.WriteFile(path, []byte(strings.Repeat("0123456789abcdef", size/16)), 0o600)
}
