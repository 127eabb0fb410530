package main

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/exp/mmap"
	"libmemmap/bench/guide"
	"libmemmap/memmap"
)

const mib = 1 << 20

func guideMapUnmap(folder string) (pair, error) {
	path, err := newFile(folder, "one-mib", mib)
	cycle := func(open func(string) ([]byte, error), unmap func([]byte) error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
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
		work: "Go BasicMmap + UnmapMemory, 1 MiB", against: "the guide's Go code", asked: 1.25,
		ours: cycle(memmap.BasicMmap, memmap.UnmapMemory), theirs: cycle(guide.BasicMmap, guide.UnmapMemory),
	}, err
}

func cOpenClose(folder string) (pair, error) {
	path, err := newFile(folder, "c-open", mib)
	return pair{
		work: "C memmap_open + memmap_close, 1 MiB", against: "open fstat mmap close munmap", asked: 1 / 1.05,
		ours: openClose(cPath(path)), theirs: openCloseByHand(cPath(path)),
	}, err
}

func cPinUnpin(folder string) (pair, error) {
	path, err := newFile(folder, "c-pin", mib)
	return pair{
		work: "C memmap_pin + memmap_unpin", against: "pthread_rwlock_rdlock + unlock", asked: 1,
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
		work: "Go View, empty function", against: "sync.RWMutex RLock + RUnlock", asked: 1.0 / 3,
		benchtime: "100000x", rounds: 101,
		ours: func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := m.View(func([]byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		},
		theirs: func(b *testing.B) {
			b.ReportAllocs()
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
	}) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			var buf [64]byte
			for i := range b.N {
				if _, err := r.ReadAt(buf[:], int64(i*64%mib)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		work: "Go ReadAt of 64 bytes", against: "golang.org/x/exp/mmap", asked: 1 / 1.5,
		benchtime: "100000x", rounds: 101,
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
	write := func(write func([]byte, []byte) error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
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
		work: "Go WriteToMmap of 11 bytes, 128 MiB dirty", against: "the guide's Go code", asked: 20,
		ours: write(memmap.WriteToMmap), theirs: write(guide.WriteToMmap), benchtime: "3x",
	}, err
}

func dirty(data []byte, value byte) {
	for i := 0; i < len(data); i += 4096 {
		data[i] = value
	}
}

// crowded measures what a mapping costs when there are very many of them, in time and in memory. There may
// not have been nearly as many before: room is kept.
func crowded(folder string, results *report) error {
	path, err := newFile(folder, "crowd", mib)
	if err != nil {
		return err
	}
	const few, many = 10, 60_000
	before := residentBytes()
	all, err := gather(cPath(path), many)
	if err != nil {
		return err
	}
	own := all.own()
	perHandle := float64(residentBytes()-before-own) / many
	all.disperse()

	among := func(count int) func(*testing.B) {
		return func(b *testing.B) {
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
	err = results.add(pair{
		work: "C open + close among 60,000 mappings", against: "the same among 10", asked: 1 / 1.3,
		ours: among(many), theirs: among(few), benchtime: "5000x",
	})
	if err != nil {
		return err
	}
	verdict := ""
	if perHandle > 256 {
		verdict = "  MISSED"
	}
	results.note("Memory per handle among 60,000: %.0f bytes resident (asked: at most 256).%s", perHandle, verdict)
	return nil
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
