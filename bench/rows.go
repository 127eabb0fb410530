package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/exp/mmap"
	"libmemmap/bench/guide"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

const mib = 1 << 20

func guideMapUnmap(folder string) (pair, error) {
	path, err := newFile(folder, "one-mib", mib)
	cycle := func(open func(string) ([]byte, error), unmap func([]byte) error) func(*measure.B) {
		return func(b *measure.B) {
			for range b.N {
				data, err := open(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := unmap(data); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		ours: cycle(memmap.BasicMmap, memmap.UnmapMemory), theirs: cycle(guide.BasicMmap, guide.UnmapMemory),
	}, err
}

func cOpenClose(folder string) (pair, error) {
	path, err := newFile(folder, "c-open", mib)
	return pair{
		ours: openClose(cPath(path)), theirs: openClosePlainly(cPath(path)),
	}, err
}

func cPinUnpin(folder string) (pair, error) {
	path, err := newFile(folder, "c-pin", mib)
	return pair{
		ours: pinUnpin(cPath(path)), theirs: rdlockUnlock,
	}, err
}

func goView(folder string) (pair, error) {
	path, err := newFile(folder, "view", mib)
	if err != nil {
		return pair{}, err
	}
	m, err := memmap.Open(path, nil)
	var lock sync.RWMutex
	return pair{
		times: 100_000, rounds: 101,
		ours: func(b *measure.B) {
			for range b.N {
				if err := m.View(func([]byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		},
		theirs: func(b *measure.B) {
			for range b.N {
				lock.RLock()
				lock.RUnlock() //nolint:staticcheck // Nothing in between is what is measured.
			}
		},
	}, err
}

func goReadAt(folder string) (pair, error) {
	path, err := newFile(folder, "read", mib)
	if err != nil {
		return pair{}, err
	}
	ours, err := memmap.Open(path, nil)
	if err != nil {
		return pair{}, err
	}
	theirs, err := mmap.Open(path)
	read := func(r interface {
		ReadAt([]byte, int64) (int, error)
	}) func(*measure.B) {
		return func(b *measure.B) {
			var buf [64]byte
			for i := range b.N {
				if _, err := r.ReadAt(buf[:], int64(i*64%mib)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		times: 100_000, rounds: 101,
		ours: read(ours), theirs: read(theirs),
	}, err
}

// goWriteFlush writes 11 bytes at the start while the rest of the mapping is dirty.
func goWriteFlush(folder string) (pair, error) {
	path, err := newFile(folder, "dirty", 129*mib)
	if err != nil {
		return pair{}, err
	}
	data, err := memmap.BasicMmap(path)
	write := func(write func([]byte, []byte) error) func(*measure.B) {
		return func(b *measure.B) {
			for i := range b.N {
				b.StopTimer()
				dirty(data[mib:], byte(i))
				b.StartTimer()
				if err := write(data, []byte("Hello, mmap")); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		ours: write(memmap.WriteToMmap), theirs: write(guide.WriteToMmap), times: 1, rounds: 15,
	}, err
}

func dirty(data []byte, value byte) {
	for i := 0; i < len(data); i += 4096 {
		data[i] = value
	}
}

// bytesOfHandle is what a mapping costs in memory when there are very many of them. There may not have been nearly as
// many before: room is kept.
func bytesOfHandle(folder string) (float64, error) {
	path, err := newFile(folder, "crowd", mib)
	if err != nil {
		return 0, err
	}
	const many = 60_000
	debug.FreeOSMemory() // What rows before have left would be used, and not be seen.
	before := residentBytes()
	all, err := gather(cPath(path), many)
	if err != nil {
		return 0, err
	}
	defer all.disperse()
	return float64(residentBytes()-before-all.own()) / many, nil
}

// openAmong measures what it costs to map a file among very many mappings of the process.
func openAmong(folder string) (pair, error) {
	path, err := newFile(folder, "crowd", mib)
	among := func(count int) func(*measure.B) {
		return func(b *measure.B) {
			b.StopTimer()
			others, err := gather(cPath(path), count)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			openClose(cPath(path))(b)
			b.StopTimer()
			others.disperse()
		}
	}
	return pair{ours: among(60_000), theirs: among(10), times: 5000, rounds: 9}, err
}

// mapFileAmong is the same of slices, of which the Go package keeps a list.
func mapFileAmong(folder string) (pair, error) {
	path, err := newFile(folder, "slices", mib)
	if err != nil {
		return pair{}, err
	}
	file, err := os.Open(path)
	mapOne := func(b *measure.B) []byte {
		data, err := memmap.MapFile(file, nil)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	unmap := func(b *measure.B, data []byte) {
		if err := memmap.UnmapMemory(data); err != nil {
			b.Fatal(err)
		}
	}
	among := func(count int) func(*measure.B) {
		return func(b *measure.B) {
			b.StopTimer()
			others := make([][]byte, count)
			for i := range others {
				others[i] = mapOne(b)
			}
			b.StartTimer()
			for range b.N {
				unmap(b, mapOne(b))
			}
			b.StopTimer()
			for _, data := range others {
				unmap(b, data)
			}
		}
	}
	return pair{ours: among(50_000), theirs: among(10), times: 5000, rounds: 9, done: func() { file.Close() }}, err
}

// residentBytes is the memory that this process has in use, as the kernel counts it.
func residentBytes() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("RssAnon:"))
	var kib int
	fmt.Sscanf(string(rest), "%d", &kib)
	return kib * 1024
}
