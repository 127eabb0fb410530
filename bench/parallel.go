package main

import (
	"sync"
	"testing"

	"libmemmap/memmap"
)

// byTwo compares two goroutines that share the work with one that does it alone: twice as fast is all that
// can be had.
func byTwo(work string, read func(n, from int)) pair {
	return pair{
		work: work, against: "1 goroutine",
		ours: func(b *testing.B) {
			var both sync.WaitGroup
			for half := range 2 {
				both.Add(1)
				go func() {
					defer both.Done()
					read((b.N+1)/2, half*mib/2)
				}()
			}
			both.Wait()
		},
		theirs: func(b *testing.B) { read(b.N, 0) },
	}
}

func readAtByTwo(folder string) (pair, error) {
	path, err := newFile(folder, "by-two", mib)
	if err != nil {
		return pair{}, err
	}
	m, err := memmap.Open(path, nil)
	p := byTwo("Go ReadAt of 64 bytes, 2 goroutines", func(n, from int) {
		var buf [64]byte
		for i := range n {
			if _, err := m.ReadAt(buf[:], int64((from+i*64)%mib)); err != nil {
				panic(err)
			}
		}
	})
	p.asked, p.why, p.done = 1.8, "the machine was busy, unless a plain copy, in the next row, does better", func() { m.Close() }
	return p, err
}

// copyByTwo is what the machine allows: the same without the library.
func copyByTwo(string) (pair, error) {
	data := make([]byte, mib)
	return byTwo("plain copy of 64 bytes, 2 goroutines", func(n, from int) {
		var buf [64]byte
		for i := range n {
			at := (from + i*64) % mib
			copy(buf[:], data[at:at+64])
		}
	}), nil
}
