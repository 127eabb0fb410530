package main

import (
	"fmt"
	"io"
	"os"
	"testing"

	theirs "github.com/edsrzf/mmap-go"
	theirexp "golang.org/x/exp/mmap"
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
		work: "mmapgo Map + Unmap, 1 MiB", against: "github.com/edsrzf/mmap-go", asked: 1,
		ours: func(b *testing.B) {
			b.ReportAllocs()
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
		theirs: func(b *testing.B) {
			b.ReportAllocs()
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
	flush := func(data []byte, flush func() error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				data[64*mib] = byte(i)
				if err := flush(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return pair{
		work: "mmapgo Flush, one page of 128 MiB dirty", against: "github.com/edsrzf/mmap-go", asked: 1 / 1.05,
		ours: flush(our, our.Flush), theirs: flush(their, their.Flush), benchtime: "200x",
	}, err
}

func expmmapReadAt(size int, asked float64) func(string) (pair, error) {
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
		read := func(r io.ReaderAt) func(*testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				buf := make([]byte, size)
				for i := range b.N {
					if _, err := r.ReadAt(buf, int64(i*size%mib)); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		return pair{
			work: fmt.Sprintf("expmmap ReadAt of %d bytes", size), against: "golang.org/x/exp/mmap", asked: asked,
			ours: read(our), theirs: read(their),
		}, err
	}
}
