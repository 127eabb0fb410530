package main

import (
	"fmt"
	"os"
	"testing"

	"libmemmap/memmap"
)

// Work that other languages' libraries do too.

func pythonFind(folder string) (pair, error) { return pythonSearch(folder, "find") }

func pythonFindLast(folder string) (pair, error) { return pythonSearch(folder, "rfind") }

// pythonSearch looks for a needle through all of 256 MiB.
func pythonSearch(folder, way string) (pair, error) {
	const needle = "lazy\x01cat" // In one word, for the peer.
	work := fmt.Sprintf("%s through 256 MiB", way)
	them, reason := python()
	if them == nil {
		return missing(work, "Python mmap: "+reason), nil
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
	asked := 5.0
	if way == "rfind" {
		search, asked = func() (int64, error) { return m.FindLast([]byte(needle), 0, memmap.ToEnd) }, 3
	}
	return pair{
		work: work, against: "Python mmap." + way, asked: asked, benchtime: "1x", why: readingIsAll,
		ours: func(b *testing.B) {
			for range b.N {
				if found, err := search(); found != at || err != nil {
					b.Fatalf("found at %d: %v", found, err)
				}
			}
		},
		theirs: them.does(way, path, needle, fmt.Sprint(at)),
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
	const work = "C memmap_open + memmap_close, 1 MiB"
	path, err := newFile(folder, "memmap2", mib)
	them, reason := memmap2()
	if them == nil {
		return missing(work, "memmap2: "+reason), nil
	}
	return pair{
		work: work, against: "memmap2 File::open + Mmap::map", asked: 0.9, benchtime: "20000x",
		ours: openClose(cPath(path)), theirs: them.does("open_close", path),
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
	}) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			var buf [4096]byte
			for i := range b.N {
				if _, err := r.ReadAt(buf[:], int64(i*4096%mib)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		work: "Go ReadAt of 4 KiB, hot", against: "os.File ReadAt", asked: 1,
		ours: read(m), theirs: read(file),
	}, err
}
