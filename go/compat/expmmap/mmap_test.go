package mmap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"libmemmap/memmap"
)

func newFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *ReaderAt {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// panics is what f panics with.
func panics(t testing.TB, f func()) (value any) {
	t.Helper()
	defer func() { value = recover() }()
	f()
	t.Error("it didn't panic")
	return nil
}

func TestAFileIsReadAtAnyOffset(t *testing.T) {
	r := open(t, newFile(t, "Hello, mmap"))
	for _, c := range []struct {
		off, size int
		want      string
		err       error
	}{
		{0, 5, "Hello", nil}, {0, 11, "Hello, mmap", nil}, {7, 10, "mmap", io.EOF}, {11, 1, "", io.EOF},
		{11, 0, "", nil}, {3, 0, "", nil},
	} {
		p := make([]byte, c.size)
		n, err := r.ReadAt(p, int64(c.off))
		if string(p[:n]) != c.want || err != c.err {
			t.Errorf("%d bytes at %d: %q, %v", c.size, c.off, p[:n], err)
		}
	}
	for _, off := range []int64{-1, 12, 1 << 62} {
		n, err := r.ReadAt(make([]byte, 1), off)
		if n != 0 || err == nil || err.Error() != fmt.Sprintf("mmap: invalid ReadAt offset %d", off) {
			t.Errorf("offset %d: %d, %v", off, n, err)
		}
	}
	if r.Len() != 11 || r.At(7) != 'm' {
		t.Errorf("%d bytes, %q", r.Len(), r.At(7))
	}
}

func TestAnEmptyFileIsAReaderOfNoBytes(t *testing.T) {
	r := open(t, newFile(t, ""))
	n, err := r.ReadAt(make([]byte, 1), 0)
	if r.Len() != 0 || n != 0 || err != io.EOF {
		t.Errorf("%d bytes; read %d, %v", r.Len(), n, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfOpenAreOfTheKindThatOsHas(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	var full *fs.PathError
	if !os.IsNotExist(err) || !errors.As(err, &full) || full.Err != syscall.ENOENT {
		t.Errorf("%#v", err)
	}
	_, err = Open(t.TempDir())
	if !errors.Is(err, memmap.ErrNotRegular) || !errors.Is(err, syscall.ENODEV) || !errors.As(err, &full) {
		t.Errorf("%v", err)
	}
	err = asTheirs("file", &memmap.Error{Op: "open", Path: "file", Err: memmap.ErrLimit})
	if !errors.Is(err, memmap.ErrLimit) || !errors.Is(err, syscall.ENOMEM) || !errors.As(err, &full) {
		t.Errorf("%v", err)
	}
}

// The values are those with which the runtime would panic for a slice.
func TestAtPanicsOutOfRangeAsASliceDoes(t *testing.T) {
	slice := []byte("abc")
	r, closed := open(t, newFile(t, "abc")), open(t, newFile(t, "abc"))
	closed.Close()
	for _, i := range []int{-1, 3, 4} {
		want := panics(t, func() { _ = slice[i] }).(runtime.Error).Error()
		got, ok := panics(t, func() { r.At(i) }).(runtime.Error)
		if !ok || got.Error() != want {
			t.Errorf("%d: %v, wanted %q", i, got, want)
		}
	}
	want := panics(t, func() { _ = slice[:0][len(slice)-3] }).(runtime.Error).Error()
	for what, r := range map[string]*ReaderAt{"closed": closed, "zero": new(ReaderAt)} {
		if got, ok := panics(t, func() { r.At(0) }).(runtime.Error); !ok || got.Error() != want {
			t.Errorf("%s: %v, wanted %q", what, got, want)
		}
	}
}

func TestAfterCloseEveryMethodSaysSo(t *testing.T) {
	closed := open(t, newFile(t, "abc"))
	for what, r := range map[string]*ReaderAt{"closed": closed, "zero": new(ReaderAt)} {
		first, second := r.Close(), r.Close()
		for _, off := range []int64{0, -1, 3, 9} {
			n, err := r.ReadAt(make([]byte, 2), off)
			if n != 0 || !errors.Is(err, ErrClosed) || err.Error() != "mmap: closed" {
				t.Errorf("%s, offset %d: %d, %v", what, off, n, err)
			}
		}
		if first != nil || second != nil || r.Len() != 0 {
			t.Errorf("%s: %v, %v, %d bytes", what, first, second, r.Len())
		}
	}
}

func TestClosingUnderReadersIsAnErrorForThem(t *testing.T) {
	text := strings.Repeat("x", 1<<16)
	path := newFile(t, text)
	for range 100 {
		r := open(t, path)
		var readers sync.WaitGroup
		started := make(chan struct{}, 4)
		for range 4 {
			readers.Add(1)
			go func() {
				defer readers.Done()
				p := make([]byte, len(text))
				for {
					n, err := r.ReadAt(p, 0)
					select {
					case started <- struct{}{}:
					default:
					}
					if errors.Is(err, ErrClosed) {
						return
					}
					if n != len(text) || err != nil || string(p) != text {
						t.Errorf("%d bytes, %v", n, err)
						return
					}
				}
			}()
		}
		<-started
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
	}
}

func TestATruncatedFileIsAnErrorOfReadAtAndAPanicOfAt(t *testing.T) {
	page := os.Getpagesize()
	path := newFile(t, strings.Repeat("x", 4*page))
	r := open(t, path)
	if err := os.Truncate(path, int64(page)); err != nil {
		t.Fatal(err)
	}
	_, err := r.ReadAt(make([]byte, 10), int64(2*page))
	var lost *FaultError
	if !errors.Is(err, ErrFault) || !errors.As(err, &lost) {
		t.Errorf("%v", err)
	}
	if err, ok := panics(t, func() { r.At(2 * page) }).(error); !ok || !errors.Is(err, ErrFault) {
		t.Errorf("%v", err)
	}
	if n, err := r.ReadAt(make([]byte, page), 0); n != page || err != nil || r.Len() != 4*page {
		t.Errorf("what is left: %d bytes, %v; %d in all", n, err, r.Len())
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	r := open(t, newFile(t, "text"))
	var p [4]byte
	if n := testing.AllocsPerRun(20, func() { r.ReadAt(p[:], 0); r.At(1); r.Len() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
