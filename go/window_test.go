package memmap

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libmemmap/memmap/internal/programtest"
)

func TestAWindowIsAnotherPartOfTheFile(t *testing.T) {
	path := newFile(t, "0123456789")
	m := open(t, path, &Options{Access: ReadWrite, Offset: 2, Length: 3})
	succeeds(t, "Remove", os.Remove(path)) // It needs no path.
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 1, "0"}, {5, 5, "56789"}, {3, ToEnd, "3456789"}, {0, ToEnd, "0123456789"}, {10, ToEnd, ""}} {
		w, err := m.Window(c.offset, c.length)
		succeeds(t, "Window", err)
		holdsText(t, w, c.want)
		succeeds(t, "Close", w.Close())
	}
	w, err := m.Window(4, 2)
	succeeds(t, "Window", err)
	_, err = w.WriteAt([]byte("x"), 0)
	succeeds(t, "WriteAt", err)
	holdsText(t, m, "23x")
	succeeds(t, "Close", m.Close())
	holdsText(t, w, "x5")
	succeeds(t, "Close", w.Close())
}

func TestAWindowHasTheAccessOfItsMap(t *testing.T) {
	path := newFile(t, "0123456789")
	m, err := Create(path, 10, &Options{Flags: Durable | Sparse | NoDump})
	succeeds(t, "Create", err)
	defer m.Close()
	succeeds(t, "Protect", m.Protect(ReadOnly))
	for _, m := range []*Map{m, open(t, path, nil)} {
		w, err := m.Window(0, 5)
		succeeds(t, "Window", err)
		_, err = w.WriteAt([]byte("x"), 0)
		wants(t, "WriteAt", err, ErrAccess)
		succeeds(t, "Close", w.Close())
	}
	w, err := m.Window(0, 5)
	succeeds(t, "Window", err)
	defer w.Close()
	if info, err := w.Info(); info.Flags != Sparse|NoDump || err != nil {
		t.Errorf("flags %#x, %v", info.Flags, err)
	}
}

func TestAWindowOutsideTheFileIsRefused(t *testing.T) {
	path := newFile(t, "0123456789")
	m := open(t, path, nil)
	for _, r := range [][2]int64{{-1, 1}, {0, 11}, {11, ToEnd}, {10, 1}, {0, -2}, {math.MaxInt64, math.MaxInt64}} {
		_, err := m.Window(r[0], r[1])
		wants(t, fmt.Sprint(r), err, ErrRange)
	}
	_, err := m.Window(0, 0)
	wants(t, "no bytes", err, ErrInvalid)
	_, err = anonymous(t, 10, nil).Window(0, 1)
	wants(t, "no file", err, ErrUnsupported)
	_, err = open(t, path, &Options{Flags: NoDescriptor}).Window(0, 1)
	wants(t, "no descriptor", err, ErrUnsupported)
}

func TestWindowsGoThroughTheWholeFile(t *testing.T) {
	for _, length := range []int{1, 9, 10, 11, 30, 10_000} {
		text := strings.Repeat("0123456789", length/10+1)[:length]
		m := open(t, newFile(t, text), &Options{Length: 1})
		for _, size := range []int64{1, 10, 4096, 1 << 40} {
			if length/int(size) > 1000 {
				continue
			}
			var all bytes.Buffer
			windows := m.Windows(size)
			for offset, data := range windows.All() {
				if offset != int64(all.Len()) || int64(len(data)) > size || len(data) == 0 {
					t.Fatalf("%d bytes at %d, after %d", len(data), offset, all.Len())
				}
				all.Write(data)
			}
			if all.String() != text || windows.Err() != nil {
				t.Errorf("%d bytes in windows of %d, %v", all.Len(), size, windows.Err())
			}
		}
	}
	for range open(t, newFile(t, ""), nil).Windows(1).All() {
		t.Error("a window into nothing")
	}
}

// One window is mapped at a time, and none is left however the loop ends.
func TestAWindowIsMappedAsLongAsTheBodyRuns(t *testing.T) {
	path := newFile(t, zeros(10_000))
	m := open(t, path, nil)
	windows := m.Windows(1000)
	for range windows.All() {
		if n := mappings(t, path); n != 2 {
			t.Errorf("%d mappings", n)
		}
	}
	succeeds(t, "Err", windows.Err())
	for range windows.All() {
		break
	}
	func() {
		defer func() { recover() }()
		for range windows.All() {
			panic("mine")
		}
	}()
	if n := mappings(t, path); n != 1 {
		t.Errorf("%d mappings are left", n)
	}
	if n := descriptors(t, path); n != 1 {
		t.Errorf("%d descriptors are left", n)
	}
	for range windows.All() {
		m.Close()
	}
	wants(t, "closed in the loop", windows.Err(), ErrClosed)
	for range m.Windows(0).All() {
		t.Error("a window of no bytes")
	}
	none := m.Windows(-1)
	for range none.All() {
		t.Error("a window of fewer bytes")
	}
	wants(t, "size", none.Err(), ErrInvalid)
}

// descriptors is how many descriptors of the file this process has.
func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	succeeds(t, "Glob", err)
	for _, link := range links {
		if name, _ := os.Readlink(link); name == path {
			n++
		}
	}
	return n
}

func TestAFileLargerThanMemoryIsSeenInWindows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	const gibibyte = 1 << 30
	m, err := Create(path, 0, &Options{Flags: Sparse})
	succeeds(t, "Create", err)
	defer m.Close()
	if err := os.Truncate(path, 100*gibibyte+5); err != nil {
		programtest.Skip(t, "no file of 100 GiB: %v", err)
	}
	windows, n := m.Windows(4*gibibyte), 0
	for offset, data := range windows.All() {
		data[len(data)-1] = byte(1 + n)
		if offset != int64(n)*4*gibibyte || data[0] != 0 && len(data) > 1 {
			t.Errorf("window %d begins at %d", n, offset)
		}
		n++
	}
	if n != 26 || windows.Err() != nil {
		t.Errorf("%d windows, %v", n, windows.Err())
	}
}

func TestAWindowThatIsLostIsTold(t *testing.T) {
	survives(t, func(t *testing.T) {
		path, m := paged(t, 8, nil)
		windows, n := m.Windows(2*page), 0
		for _, data := range windows.All() {
			if n++; n == 2 {
				setSize(t, path, 3*page)
				bytes.Count(data, []byte("x"))
			}
		}
		wantsLost(t, "Windows", windows.Err(), FaultError{page, page, CauseTruncated})
		if n != 2 {
			t.Errorf("%d windows", n)
		}
	})
}
