package memmap

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"libmemmap/memmap/internal/programtest"
)

// Whatever is written in whatever pieces is what the file holds in the end, and no more.
func TestWhatIsAppendedIsWhatTheFileHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, capacity := range []int64{0, 100_000, 8 << 20} {
		path := newFile(t, "before ")
		m := open(t, path, &Options{Access: ReadWrite, Capacity: capacity})
		a := m.Appender()
		want := []byte("before ")
		for range 300 {
			piece := bytes.Repeat([]byte{byte(random.Uint32())}, random.IntN(20_000))
			if n, err := a.Write(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
			want = append(want, piece...)
			if a.Len() != int64(len(want)) {
				t.Fatalf("Len is %d of %d", a.Len(), len(want))
			}
		}
		succeeds(t, "Close", a.Close())
		holdsText(t, m, string(want))
		if contents(t, path) != string(want) {
			t.Error("the file holds something else")
		}
		_, err := a.Write([]byte("x"))
		wants(t, "Write after Close", err, ErrClosed)
		wants(t, "Close after Close", a.Close(), ErrClosed)
	}
}

func TestAnAppenderResizesSeldom(t *testing.T) {
	m := anonymous(t, 64<<10, nil)
	a := m.Appender()
	lengths := map[int64]bool{}
	for range 4096 {
		if _, err := a.Write(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
		lengths[m.Len()] = true
	}
	if len(lengths) != 7 { // 128 KiB, 256 KiB… 8 MiB.
		t.Errorf("%d lengths: %v", len(lengths), lengths)
	}
	succeeds(t, "Close", a.Close())
	if m.Len() != 4<<20+64<<10 {
		t.Errorf("%d bytes in the end", m.Len())
	}
}

func TestAnAppenderStaysWithinTheCapacityAsLongAsItSuffices(t *testing.T) {
	m := open(t, newFile(t, ""), &Options{Access: ReadWrite, Capacity: 100 << 10})
	a := m.Appender()
	for range 100 { // Doubling would go from 64 to 128 KiB, and perhaps move.
		if _, err := a.Write(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := m.Info(); info.Capacity != 100<<10 || err != nil {
		t.Errorf("a capacity of %d bytes, %v", info.Capacity, err)
	}
	succeeds(t, "Close", a.Close())
}

func TestAnAppenderThatCantCutMayBeClosedAgain(t *testing.T) {
	path := newFile(t, "")
	m := open(t, path, &Options{Access: ReadWrite, Capacity: 1 << 20})
	a := m.Appender()
	succeeds(t, "View", m.View(func([]byte) error {
		_, err := a.Write([]byte("Hello"))
		wants(t, "Close", a.Close(), ErrBusy)
		return err
	}))
	if text := contents(t, path); text != "Hello"+zeros(64<<10-5) {
		t.Errorf("the file has %d bytes", len(text))
	}
	succeeds(t, "Close", a.Close())
	if text := contents(t, path); text != "Hello" {
		t.Errorf("the file holds %q", text)
	}
}

// Nothing was written, so that the next Write may go where this one would have gone.
func TestAnErrorThatPassesIsNotTheEndOfAnAppender(t *testing.T) {
	path := newFile(t, "Hello")
	m := open(t, path, writable)
	a := m.Appender()
	write := func(text string) error {
		n, err := a.Write([]byte(text))
		if n != 0 && err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		return err
	}
	succeeds(t, "View", m.View(func([]byte) error {
		for range 2 {
			wants(t, "viewed", write(zeros(int(page))), ErrBusy)
		}
		return nil
	}))
	if m.Len() != 5 || a.Len() != 5 || contents(t, path) != "Hello" {
		t.Errorf("%d bytes, %d appended", m.Len(), a.Len())
	}
	succeeds(t, "afterwards", write(", mmap"))
	succeeds(t, "Protect", m.Protect(ReadOnly))
	wants(t, "protected", write("!"), ErrAccess)
	wants(t, "Close", a.Close(), ErrAccess)
	succeeds(t, "Protect", m.Protect(ReadWrite))
	succeeds(t, "afterwards", write("!"))
	succeeds(t, "Close", a.Close())
	if text := contents(t, path); text != "Hello, mmap!" {
		t.Errorf("the file holds %q", text)
	}
}

func TestCloseReturnsTheErrorOfTheLastWrite(t *testing.T) {
	a := open(t, newFile(t, "Hello"), nil).Appender()
	for range 2 {
		n, err := a.Write([]byte("!"))
		wants(t, "read-only", err, ErrAccess)
		if n != 0 {
			t.Errorf("%d bytes", n)
		}
	}
	wants(t, "Close", a.Close(), ErrAccess)

	m := anonymous(t, 5, nil)
	a = m.Appender()
	succeeds(t, "View", m.View(func([]byte) error {
		_, err := a.Write(make([]byte, page))
		wants(t, "viewed", err, ErrBusy)
		return nil
	}))
	wants(t, "Close", a.Close(), ErrBusy)
	if m.Len() != 5 {
		t.Errorf("%d bytes", m.Len())
	}

	a = m.Appender()
	succeeds(t, "Close of the Map", m.Close())
	_, err := a.Write([]byte("!"))
	wants(t, "closed Map", err, ErrClosed)
	wants(t, "Close", a.Close(), ErrClosed)
}

// What was appended is gone in part, and no later success may hide that.
func TestAnErrorThatPutsInDoubtWhatWasAppendedStays(t *testing.T) {
	path, m := paged(t, 4, writable)
	a := m.Appender()
	_, err := a.Write(make([]byte, page))
	succeeds(t, "Write", err)
	setSize(t, path, page)
	_, err = a.Write(make([]byte, 64))
	wants(t, "cut by somebody else", err, ErrFault)
	setSize(t, path, m.Len())
	succeeds(t, "Recover", m.Recover())
	for range 2 {
		_, err = a.Write([]byte("!"))
		wants(t, "afterwards", err, ErrFault)
	}
	wants(t, "Close", a.Close(), ErrFault)

	m = anonymous(t, 5, nil)
	for _, length := range []int64{0, 6} {
		a = m.Appender()
		_, err = a.Write(make([]byte, 20))
		succeeds(t, "Write", err)
		succeeds(t, "Resize", m.Resize(length))
		_, err = a.Write([]byte("!"))
		wants(t, "cut here", err, ErrRange)
		succeeds(t, "Resize", m.Resize(1000))
		_, err = a.Write([]byte("!"))
		wants(t, "afterwards", err, ErrRange)
		wants(t, "Close", a.Close(), ErrRange)
	}
	a = m.Appender()
	_, err = a.Write(make([]byte, 20))
	succeeds(t, "Write", err)
	succeeds(t, "Resize", m.Resize(5))
	wants(t, "Close of what was cut", a.Close(), ErrRange)
	wants(t, "Close again", a.Close(), ErrClosed)
}

// Views are no error for an appender that waits, beyond the capacity too.
func TestAnAppenderThatWaitsIsServedUnderViews(t *testing.T) {
	path := newFile(t, "")
	m := open(t, path, writable)
	stop := make(chan bool)
	viewers := []<-chan error{}
	for range 2 {
		viewers = append(viewers, later(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
					m.View(func([]byte) error { time.Sleep(time.Millisecond); return nil })
				}
			}
		}))
	}
	a := m.AppenderContext(t.Context())
	record := strings.Repeat("x", 30_000)
	for range 40 {
		if n, err := a.Write([]byte(record)); n != len(record) || err != nil {
			t.Fatal(n, err)
		}
	}
	succeeds(t, "Close", a.Close())
	close(stop)
	for _, viewer := range viewers {
		<-viewer
	}
	if contents(t, path) != strings.Repeat(record, 40) {
		t.Error("the file holds something else")
	}
}

func TestAnAppenderThatWaitsEndsWithItsContext(t *testing.T) {
	m := anonymous(t, 5, nil)
	ctx, cancel := context.WithCancel(t.Context())
	a := m.AppenderContext(ctx)
	end := viewing(t, m)
	written := later(func() error { _, err := a.Write(make([]byte, page)); return err })
	untilHeld(m)
	cancel()
	wants(t, "Write", <-written, context.Canceled)
	wants(t, "Close", a.Close(), context.Canceled)
	end()
	if m.Len() != 5 || a.Len() != 5 {
		t.Errorf("%d bytes, %d appended", m.Len(), a.Len())
	}
}

// smallDisk mounts a file system of that many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size="+size); err != nil {
		programtest.Skip(t, "no file system can be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

func TestAnAppenderFillsADiskToTheLastPage(t *testing.T) {
	path := filepath.Join(smallDisk(t, "1000k"), "file")
	m, err := Create(path, 0, nil)
	succeeds(t, "Create", err)
	defer m.Close()
	a := m.Appender()
	record := strings.Repeat("x", 48<<10)
	for { // Twice 512 KiB has no room, 48 KiB more has.
		if _, err = a.Write([]byte(record)); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	if want := int64(1000<<10/len(record)) * int64(len(record)); a.Len() != want {
		t.Errorf("%d bytes were written, and %d have room", a.Len(), want)
	}
	wants(t, "Close", a.Close(), syscall.ENOSPC)
	status, err := os.Stat(path)
	succeeds(t, "Stat", err)
	if status.Size() != a.Len() {
		t.Errorf("the file has %d bytes of %d", status.Size(), a.Len())
	}
}
