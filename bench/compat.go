package main

import (
	"io"
	"os"

	theirs "github.com/edsrzf/mmap-go"
	theirexp "golang.org/x/exp/mmap"
	"libmemmap/bench/measure"
	ourexp "libmemmap/memmap/compat/expmmap"
	ours "libmemmap/memmap/compat/mmapgo"
)

// The drop-ins beside what they stand in for.

func mmapgoMapUnmap(folder string) (pair, error) {
	path, err := newFile(folder, "mmapgo", mib)
	if err != nil {
		return pair{}, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	return pair{
		ours: func(b *measure.B) {
			for range b.N {
				m, err := ours.Map(file, ours.RDWR, 0)
				if err != nil {
					b.Fatal(err)
				}
				if err := m.Unmap(); err != nil {
					b.Fatal(err)
				}
			}
		},
		theirs: func(b *measure.B) {
			for range b.N {
				m, err := theirs.Map(file, theirs.RDWR, 0)
				if err != nil {
					b.Fatal(err)
				}
				if err := m.Unmap(); err != nil {
					b.Fatal(err)
				}
			}
		},
	}, err
}

// mmapgoFlush flushes 128 MiB of which one page is dirty.
func mmapgoFlush(folder string) (pair, error) {
	path, err := newFile(folder, "mmapgo-flush", 128*mib)
	if err != nil {
		return pair{}, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return pair{}, err
	}
	our, err := ours.Map(file, ours.RDWR, 0)
	if err != nil {
		return pair{}, err
	}
	their, err := theirs.Map(file, theirs.RDWR, 0)
	flush := func(data []byte, flush func() error) func(*measure.B) {
		return func(b *measure.B) {
			for i := range b.N {
				data[64*mib] = byte(i)
				if err := flush(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		ours: flush(our, our.Flush), theirs: flush(their, their.Flush), times: 100, rounds: 15,
	}, err
}

func expmmapReadAt(size int) func(string) (pair, error) {
	return func(folder string) (pair, error) {
		path, err := newFile(folder, "expmmap", mib)
		if err != nil {
			return pair{}, err
		}
		our, err := ourexp.Open(path)
		if err != nil {
			return pair{}, err
		}
		their, err := theirexp.Open(path)
		read := func(r io.ReaderAt) func(*measure.B) {
			return func(b *measure.B) {
				buf := make([]byte, size)
				for i := range b.N {
					if _, err := r.ReadAt(buf, int64(i*size%mib)); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		return pair{
			ours: read(our), theirs: read(their),
		}, err
	}
}
