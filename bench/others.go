package main

import (
	"fmt"
	"os"

	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

// Work that other languages' libraries do too.

func pythonFind(folder string) (pair, error) { return pythonSearch(folder, "find") }

func pythonFindLast(folder string) (pair, error) { return pythonSearch(folder, "rfind") }

// pythonSearch looks for a needle through all of 256 MiB.
func pythonSearch(folder, way string) (pair, error) {
	const needle = "lazy\x01cat" // In one word, for the peer.
	them, reason := python()
	if them == nil {
		return skipped("Python mmap: " + reason)
	}
	path, err := newFile(folder, way, 256*mib)
	if err != nil {
		return pair{}, err
	}
	at := int64(0)
	if way == "find" {
		at = 256*mib - int64(len(needle))
	}
	if err := writeAt(path, needle, at); err != nil {
		return pair{}, err
	}
	m, err := memmap.Open(path, nil)
	search := func() (int64, error) { return m.Find([]byte(needle), 0, memmap.ToEnd) }
	if way == "rfind" {
		search = func() (int64, error) { return m.FindLast([]byte(needle), 0, memmap.ToEnd) }
	}
	return pair{
		ours: func(b *measure.B) {
			for range b.N {
				if found, err := search(); found != at || err != nil {
					b.Fatalf("found at %d: %v", found, err)
				}
			}
		},
		theirs: them.does(way, path, needle, fmt.Sprint(at)), elsewhere: true,
		times: 1, rounds: 15,
		done: func() { m.Close() },
	}, err
}

func writeAt(path, text string, at int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteAt([]byte(text), at)
	return err
}

// memmap2OpenClose is C beside Rust: neither language's own costs are in it.
func memmap2OpenClose(folder string) (pair, error) {
	path, err := newFile(folder, "memmap2", mib)
	them, reason := memmap2()
	if them == nil {
		return skipped("memmap2: " + reason)
	}
	return pair{
		ours: openClose(cPath(path)), theirs: them.does("open_close", path), elsewhere: true, times: 5000,
	}, err
}

// osFileReadAt reads what is in memory, by a copy from the mapping beside a system call.
func osFileReadAt(folder string) (pair, error) {
	path, err := newFile(folder, "os-file", mib)
	if err != nil {
		return pair{}, err
	}
	m, err := memmap.Open(path, nil)
	if err != nil {
		return pair{}, err
	}
	file, err := os.Open(path)
	read := func(r interface {
		ReadAt([]byte, int64) (int, error)
	}) func(*measure.B) {
		return func(b *measure.B) {
			var buf [4096]byte
			for i := range b.N {
				if _, err := r.ReadAt(buf[:], int64(i*4096%mib)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		ours: read(m), theirs: read(file),
	}, err
}
