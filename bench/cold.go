package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/exp/mmap"
	"golang.org/x/sys/unix"
	"libmemmap/bench/measure"
	"libmemmap/memmap"
)

// A coldFile is a file larger than what readahead covers by chance, of which no page is in memory when
// a measurement begins.
const coldSize = 2048 * mib

func coldFile(folder string) (string, error) { return syncedFile(folder, "cold", coldSize) }

// syncedFile makes a file once of which nothing has to be written back.
func syncedFile(folder, name string, size int) (string, error) {
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	piece := make([]byte, 8*mib)
	for i := range piece {
		piece[i] = byte(i)
	}
	for range size / len(piece) {
		if _, err := file.Write(piece); err != nil {
			return "", err
		}
	}
	return path, file.Sync()
}

// evict has the page cache let go of the file, which nobody may have mapped.
func evict(b *measure.B, path string) {
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// cold opens the file anew, reads it, and closes it, evicted before each time.
func cold(path string, options *memmap.Options, read func(*measure.B, *memmap.Map)) func(*measure.B) {
	return func(b *measure.B) {
		for range b.N {
			b.StopTimer()
			evict(b, path)
			m, err := memmap.Open(path, options)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			read(b, m)
			b.StopTimer()
			m.Close()
		}
	}
}

func coldRandom(folder string) (pair, error) {
	path, err := coldFile(folder)
	var seed uint64
	read := func(b *measure.B, m *memmap.Map) {
		seed++
		positions := rand.New(rand.NewPCG(seed/2, 0)) // The same for both of a round.
		var buf [4096]byte
		for range 500 {
			if _, err := m.ReadAt(buf[:], positions.Int64N(coldSize/4096)*4096); err != nil {
				b.Fatal(err)
			}
		}
	}
	return pair{
		times: 1, rounds: 7,
		ours:   cold(path, &memmap.Options{Advice: memmap.AdviceRandom}, read),
		theirs: cold(path, nil, read),
	}, err
}

func coldScan(folder string) (pair, error) {
	path, err := coldFile(folder)
	const piece = 64 << 10
	buf := make([]byte, piece)
	return pair{
		times: 1, rounds: 7,
		ours: cold(path, &memmap.Options{Advice: memmap.AdviceSequential}, func(b *measure.B, m *memmap.Map) {
			for at := int64(0); at < coldSize; at += piece {
				if _, err := m.ReadAt(buf, at); err != nil {
					b.Fatal(err)
				}
			}
		}),
		theirs: func(b *measure.B) {
			for range b.N {
				b.StopTimer()
				evict(b, path)
				r, err := mmap.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for at := int64(0); at < coldSize; at += piece {
					if _, err := r.ReadAt(buf, at); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				r.Close()
			}
		},
	}, err
}
